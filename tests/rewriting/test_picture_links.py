"""A link round a picture is called by the picture's alternative text, which no mail program compares with anything."""

from __future__ import annotations

import pytest

from ledger.records import LinkReason
from relay.rewriting.plan import Plan, TextIsUrl, Tracked
from relay.rewriting.rewrite import rewrite
from tests.rewriting.oracles import URLS

HREF = "https://www.example.com/a"
PLAN = Plan(opens=True, html_links=True, text_is_url=TextIsUrl.LEAVE)


@pytest.mark.parametrize(
    ("html", "text", "reason"),
    [
        (f'<a href="{HREF}"><img src=x alt="www.example.net"></a>', "www.example.net", None),
        (f'<a href="{HREF}">\n <b><IMG SRC=x ALT=" our \n shop "></b>\n</a>', "our shop", None),
        (f'<a href="{HREF}"><img alt="one"><img alt="two"></a>', "one two", None),
        (f'<a href="{HREF}"><img alt="&lt;3"></a>', "<3", None),
        (f'<a href="{HREF}"><!--<img alt="hidden">--><img alt="seen"></a>', "seen", None),
        (f'<a href="{HREF}"><img alt="picture"> words</a>', "words", None),  # words come first
        (f'<a href="{HREF}"><img src=x></a><img alt="outside">', "", None),
        (f'<map><area href="{HREF}" alt="www.example.net"></map>', "www.example.net", None),
        (f'<a href="{HREF}"><img alt="Unsubscribe"></a>', "Unsubscribe", LinkReason.UNSUBSCRIBE),
        (f'<a href="{HREF}">www.example.net<img alt="shop"></a>', "www.example.net", LinkReason.TEXT_IS_URL),
    ],
)
@pytest.mark.parametrize("more", ["", '<blockquote type="cite">old</blockquote>'])  # then every tag is looked at
def test_a_picture_is_called_by_its_alternative(html: str, text: str, reason: LinkReason | None, more: str) -> None:
    result = rewrite(f"Content-Type: text/html\r\n\r\n<body>{html}{more}</body>\r\n".encode(), PLAN, URLS)
    assert isinstance(result, Tracked)
    assert [(row.text, row.reason) for row in result.link_list] == [(text, reason)]
