"""A second rewriting finds the message as the first one left it, in whichever of its parts that shows.

The first takes the authors' ``data-track`` marks away, so a second cannot read them again: it must know by the pixel or
by our links that it has been there before. Either may be in another part than the link that was opted out.
"""

from __future__ import annotations

import pytest

from relay.rewriting.plan import Plan, Tracked
from tests.rewriting.oracles import URLS, check_message

TRACKED = b'<p><a href="https://www.example.com/a">one</a></p>'
OPTED_OUT = b'<p><a data-track="no" href="https://www.example.com/no">two</a></p>'
HTML, TEXT = b"text/html", b"text/plain"
OPENS_AND_LINKS = Plan(opens=True, html_links=True, text_links=True)
LINKS = Plan(opens=False, html_links=True, text_links=True)


def message(kind: bytes, *parts: tuple[bytes, bytes]) -> bytes:
    head = b"From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/" + kind + b"; boundary=b\r\n\r\n"
    bodies = [b"--b\r\nContent-Type: " + type_ + b"; charset=utf-8\r\n\r\n" + body + b"\r\n" for type_, body in parts]
    return head + b"".join(bodies) + b"--b--\r\n"


@pytest.mark.parametrize(
    ("plan", "raw"),
    [
        pytest.param(
            OPENS_AND_LINKS, message(b"mixed", (HTML, TRACKED), (HTML, OPTED_OUT)), id="the pixel is in the first part"
        ),
        pytest.param(
            OPENS_AND_LINKS, message(b"alternative", (HTML, TRACKED), (HTML, OPTED_OUT)), id="two of an alternative"
        ),
        pytest.param(
            LINKS, message(b"mixed", (HTML, TRACKED), (HTML, OPTED_OUT)), id="the tracked link is in the first part"
        ),
        pytest.param(
            LINKS, message(b"mixed", (HTML, OPTED_OUT), (HTML, TRACKED)), id="the tracked link is in the last part"
        ),
        pytest.param(
            LINKS,
            message(b"alternative", (TEXT, b"See https://www.example.com/a first."), (HTML, OPTED_OUT)),
            id="the tracked link is in the text",
        ),
        pytest.param(
            OPENS_AND_LINKS,
            message(b"mixed", (HTML, b"<title>"), (HTML, TRACKED + OPTED_OUT)),
            id="the first part has no place for the pixel",
        ),
        pytest.param(
            OPENS_AND_LINKS,
            message(b"mixed", (HTML, TRACKED + b"\r\n" + OPTED_OUT + b"\r\n<p>" + b"x" * 1200)),
            id="the pixel's line has no room for it",
        ),
    ],
)
def test_what_was_opted_out_stays_so_although_its_mark_is_gone(plan: Plan, raw: bytes) -> None:
    result = check_message(raw, plan)
    assert isinstance(result, Tracked)
    assert b"data-track" not in result.raw
    assert b'href="https://www.example.com/no"' in result.raw


def test_one_of_our_links_outside_quoted_text_leaves_a_new_mail_tracked() -> None:
    """Somebody copies a link out of a mail that was tracked: with the pixel wanted and none there, this is the first
    time."""
    ours = URLS.link(9, "https://www.example.org/earlier").encode()
    result = check_message(message(b"mixed", (HTML, TRACKED), (HTML, b'<a href="' + ours + b'">ours</a>')))
    assert isinstance(result, Tracked)
    assert [row.tracked for row in result.link_list] == [True, False]
