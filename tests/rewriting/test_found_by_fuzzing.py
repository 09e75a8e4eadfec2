"""What fuzzing found, one message each; every promise must hold for all of them."""

from __future__ import annotations

import pytest

from ledger.records import Reason
from relay.rewriting.plan import Unchanged
from tests.rewriting.oracles import check_message

HTML = "From: a@example.com\r\nTo: b@example.com\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"


@pytest.mark.parametrize(
    "html",
    [
        # A mark of quoting on an element that nobody quotes with: a second look must not see more than the first.
        "<body><p>Hi</p><ir id='stopSpelling'>Date: yesterday<p>words</p></body>\r\n",
        # A style inside a comment: what stands behind it in the comment is no text that has opened the body.
        "<!--[if mso]><v:rect href='https://e.com/v'><style>a{b:c}</style><!-- note --><!--[if mso]><v:rect href='x'>",
        # There is no place for a pixel by which a second time would know that a mark was taken away.
        "<!--[if mso]><v:rect href='https://e.com/v'><a data-track='no' href='http://e.com/no'>no</a><!-- note -->"
        "<!--[if mso]><v:rect href='https://e.com/v'>",
    ],
)
def test_what_once_broke_a_promise_breaks_none(html: str) -> None:
    check_message(HTML.encode() + html.encode())


def test_a_message_that_is_all_header_has_no_body_to_put_a_pixel_into() -> None:
    raw = b'From: a@example.com\r\nSubject: x\r\nContent-Type: text/html; charset="utf-8'
    result = check_message(raw)
    assert isinstance(result, Unchanged)
    assert result.reason is Reason.NO_HTML
