"""Words that divide a reply from what it answers count only where a reader sees them."""

from __future__ import annotations

import pytest

from relay.rewriting.plan import Tracked
from tests.rewriting.oracles import check_message

LINE = "-----Original Message-----"
BLOCK = "<b>From:</b> a <b>Sent:</b> b <b>To:</b>"
LINK = '<a href="https://example.com/">more</a>'


@pytest.mark.parametrize(
    ("html", "is_quoted"),
    [
        (f"<p>{LINE}</p>{LINK}", True),
        (f"<p>x</p><p>{BLOCK} c</p>{LINK}", True),
        (f'<p title="{LINE}">x</p>{LINK}', False),
        (f'<p data-x="{BLOCK}">x</p>{LINK}', False),
        (f"<!-- {LINE} -->{LINK}", False),
        (f"<!--[if mso]><p>{LINE}</p><style>a{{}}</style><![endif]-->{LINK}", False),
        (f"<style>/* {LINE} */</style>{LINK}", False),
        (f"<title>{LINE}</title>{LINK}", False),
        (f'<p title="{LINE}">x</p><p>{LINE}</p>{LINK}', True),
    ],
)
def test_a_divider_that_nobody_sees_divides_nothing(html: str, is_quoted: bool) -> None:
    raw = f"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hi</p>{html}\r\n".encode()
    result = check_message(raw)
    assert isinstance(result, Tracked)
    assert result.link_list[0].tracked is not is_quoted
