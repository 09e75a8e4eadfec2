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


OURS = URLS.link(9, "https://www.example.org/earlier").encode()
NEW_TEXT = b"See https://www.example.com/a first.\r\n"
ANSWERED = b"On Monday Anna wrote: have a look at " + OURS + b"\r\n"


@pytest.mark.parametrize("text", [NEW_TEXT + ANSWERED, ANSWERED + NEW_TEXT])
def test_one_of_our_links_in_a_text_that_has_others_to_track_leaves_a_new_mail_tracked(text: bytes) -> None:
    """Somebody answers a mail that was tracked, in a form of quoting that nobody knows: a first rewriting leaves no
    link untracked in the text, so this is none that was rewritten before."""
    result = check_message(message(b"alternative", (TEXT, text), (HTML, TRACKED)), LINKS)
    assert isinstance(result, Tracked)
    assert [row.url for row in result.link_list if row.tracked] == ["https://www.example.com/a"] * 2


@pytest.mark.parametrize("wide", [700, 800, 860, 900, 940, 960, 990, 1100])
@pytest.mark.parametrize("kind", [b"mixed", b"alternative"])
def test_a_link_that_its_line_had_no_room_for_does_not_make_it_a_new_mail(wide: int, kind: bytes) -> None:
    lines = NEW_TEXT + b"w" * (wide // 2) + b" https://www.example.com/b " + b"w" * (wide // 2) + b"\r\n"
    for text in (lines, lines + b"https://www.example.com/" + b"c" * wide + b"\r\n"):
        result = check_message(message(kind, (TEXT, text), (HTML, OPTED_OUT)), LINKS)
        assert isinstance(result, Tracked)
        assert b'href="https://www.example.com/no"' in result.raw
