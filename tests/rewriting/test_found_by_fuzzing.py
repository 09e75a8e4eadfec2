"""What fuzzing found, one message each; every promise must hold for all of them."""

from __future__ import annotations

import base64

import pytest

from ledger.records import Reason
from relay.rewriting.plan import Tracked, Unchanged
from tests.rewriting.oracles import URLS, check_message

_OWN = URLS.link(5, "https://www.example.com/old")
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
        # A quotation that begins with our own pixel: what goes in there comes before what goes out.
        f"<p>Hi</p><img src='{URLS.pixel(3)}' x<hr id='zwchr'>old\r\n",
        # End tags that are none: the pixel has to go in before the formatting would be opened again for it.
        "<p><b>x<i title='</b>'>y</i></p>",
        "<p><a href='https://e.com/'>x<!-- </a> --></p>",
        "<p><font color=red>x<!-- </font> --></p></body>",
        # White space in a cell that is never closed: not every parser opens the link again for it.
        "<table><tr><td><center>words<a href='https://e.com/'><img src=x>\r\n<br></center>\r\n</body>\r\n</html>\r\n",
        "<table><caption><b>words</caption>\r\n<tr><th><p>words<i><br></p>\r\n</body>\r\n",
        "<table><tr><td><p><b>words</p><table><tr><td>x</td></tr></table> </body>\r\n",
        # A pixel that keeps a bracket from the letters behind it.
        f"<hr id='zwchr'><<img src='{URLS.pixel(3)}'>a href='{_OWN}'>o</a>\r\n",
        f"<hr id='zwchr'>&am<img src='{URLS.pixel(3)}'>p;\r\n",
        # Words that say who wrote, without an end in sight, and addresses that put another end into sight.
        f"<blockquote>\r\n\tA, 1 b 2026,<a href='{_OWN}'>0 +03:00 B Ben &lt;ben@example.comxlockquote>\r\n",
        f"<blockquote>\r\n\tA, 1 b 2026, 12:00 +03:00 B<a href='{_OWN}'>en &lt;ben@example.com<a href='{_OWN}'>>"
        "<a href='ht old</a></p></blockquote>\r\n",
        "<blockquote>\r\n\tA, 1 b 2026, 12:00 +03:00 B Ben &lt;ben@exambr>\r\n\t<table><tr></bl<p>\r\n",
    ],
)
def test_what_once_broke_a_promise_breaks_none(html: str) -> None:
    check_message(HTML.encode() + html.encode())


def test_a_message_that_is_all_header_has_no_body_to_put_a_pixel_into() -> None:
    raw = b'From: a@example.com\r\nSubject: x\r\nContent-Type: text/html; charset="utf-8'
    result = check_message(raw)
    assert isinstance(result, Unchanged)
    assert result.reason is Reason.NO_HTML


@pytest.mark.parametrize("encoding", ["8bit", "base64"])
def test_an_old_pixel_that_had_opened_formatting_again_goes_from_quoted_text(encoding: str) -> None:
    html = f'<p><b><blockquote type="cite"><img src="{URLS.pixel()}" width="1" height="1" alt="">'.encode()
    body = base64.encodebytes(html) if encoding == "base64" else html
    result = check_message(f"Content-Type: text/html\nContent-Transfer-Encoding: {encoding}\n\n".encode() + body)
    assert isinstance(result, Tracked)
    assert result.opens


@pytest.mark.parametrize("length", range(66, 82))
def test_no_line_is_broken_behind_an_equals_sign_that_stands_for_itself(length: int) -> None:
    # Some decoders read the two of "==" as one, and then a line end that is meant for none.
    head = b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    check_message(head + b"<p>" + b"w" * length + b"=<!-- cut off")
