"""A line has room for a link or it has not: a second rewriting finds no room that the first one did not."""

from __future__ import annotations

import base64

import pytest

from ledger.records import LinkReason
from relay.rewriting.restore import restore
from relay.rewriting.rewrite import Tracked
from tests.rewriting.oracles import URLS, check_message

LINK = '<a href="https://example.com/1">one</a>'


@pytest.mark.parametrize("before", [0, 300, 600, 700, 780, 800, 840, 860, 900])
@pytest.mark.parametrize("behind", [0, 100, 150, 400, 900])
def test_a_line_that_the_pixel_breaks_has_its_room_at_once(before: int, behind: int) -> None:
    quoted = f'<div class="gmail_quote">{"z" * behind}</div>' if behind else ""
    html = f"<p>{'q' * before}</p>{LINK}{quoted}"
    check_message(f"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n{html}\r\n".encode())


@pytest.mark.parametrize("octets", [800, 880, 990, 1100, 1500])
@pytest.mark.parametrize("behind", [0, 100, 900])
def test_a_pixel_that_breaks_its_line_is_taken_out_without_a_report(octets: int, behind: int) -> None:
    html = f"<html><body><p>{'q' * octets}</p></body></html><!-- {'z' * behind} -->"
    raw = f"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n{html}\r\n".encode()
    result = check_message(raw)
    assert isinstance(result, Tracked)
    assert b"<img" in result.raw
    assert restore(result.raw, URLS) == raw


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_part_of_one_line_is_measured_by_its_line(end: str) -> None:
    # The line end behind it belongs to the boundary, and everything before it is no line of the part.
    words = f"Received: {'x' * 900}{end}"
    part = f"--b{end}Content-Type: text/html{end}{end}<p>{LINK}</p>{end}--b--{end}"
    top = f"{words}MIME-Version: 1.0{end}Content-Type: multipart/mixed; boundary=b{end}{end}"
    result = check_message((top + part).encode())
    assert result.link_list[0].tracked


@pytest.mark.parametrize(
    ("destination", "tracked"),
    [
        ("https://example.com/?q=" + "a" * 7000, True),
        ("https://example.com/?q=" + "a" * 9000, False),
        # Each escape becomes one more in the link: three letters are five.
        ("https://example.com/?q=" + "%2F" * 1000, True),
        ("https://example.com/?q=" + "%2F" * 2000, False),
    ],
    ids=lambda value: f"{value[:30]}… {len(value)}" if isinstance(value, str) else str(value),
)
@pytest.mark.parametrize("kind", ["html", "plain"])
def test_no_link_is_longer_than_what_servers_take(destination: str, tracked: bool, kind: str) -> None:
    """Such a link would be refused on its way, by a proxy that takes 8 kB, and lead nowhere."""
    words = f'<a href="{destination}">one</a>' if kind == "html" else f"Look: {destination} and write."
    coded = base64.encodebytes(words.encode()).decode().replace("\n", "\r\n")
    head = f"MIME-Version: 1.0\r\nContent-Type: text/{kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    result = check_message((head + coded).encode())
    if isinstance(result, Tracked):
        assert [(link.tracked, link.reason) for link in result.link_list] == [
            (tracked, None if tracked else LinkReason.TOO_LONG)
        ]
    else:
        assert not tracked


@pytest.mark.parametrize("charset", ["us-ascii", "utf-16"])
@pytest.mark.parametrize("marks", [1, 3])
@pytest.mark.parametrize("octets", range(900, 1101, 20))
def test_what_is_taken_out_of_a_line_makes_room_before_it_at_once(charset: str, marks: int, octets: int) -> None:
    """The pixel stands before the quotation, the marks that go behind it; a second rewriting has no marks to count."""
    unit = len("x".encode(charset)) - len("".encode(charset))
    marked = '<a data-track="no" href="http://example.com/no">no</a>' * marks
    line = f"</p><div class=gmail_quote>{marked}"
    line += "z" * (octets // unit - len(line))
    plain = "--b\r\nContent-Type: text/plain\r\n\r\nSee http://example.com/x, and so on.\r\n"
    top = f"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{plain}--b\r\n"
    html = f"Content-Type: text/html; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    check_message((top + html).encode() + line.encode(charset) + b"\r\n--b--\r\n")
