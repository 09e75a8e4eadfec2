"""What mailglass itself writes into a mail: ASCII, in the reader's language, and a blank line apart."""

from __future__ import annotations

import re
from html import unescape

import pytest

from relay.rewriting.notice_lines import LANGUAGES, html_lines, pixel_markup, text_lines
from relay.rewriting.plan import Plan, Tracked
from relay.rewriting.rewrite import rewrite
from tests.rewriting.oracles import URLS

PAGE = "https://t.example.org/p/x"


@pytest.mark.parametrize("language", [*LANGUAGES, "xx"])
def test_every_language_has_its_lines_in_ascii(language: str) -> None:
    html = html_lines(language, PAGE, notice=True, withdrawal=True)
    assert html.isascii()
    assert PAGE in unescape(html.decode())
    assert text_lines(language, PAGE, b"\r\n", notice=True, withdrawal=True).isascii()


def test_a_line_that_is_not_wanted_is_not_there() -> None:
    assert html_lines("en", PAGE, notice=False, withdrawal=False) == b""
    assert text_lines("en", PAGE, b"\n", notice=False, withdrawal=False) == b""
    assert b"tells its sender" not in html_lines("en", PAGE, notice=False, withdrawal=True)


def test_the_pixel_is_visible_for_what_it_is() -> None:
    assert pixel_markup("https://t.example.org/o/x.gif") == (
        b'<img src="https://t.example.org/o/x.gif" width="1" height="1" alt="">'
    )


@pytest.mark.parametrize("last", [b"", b"\r\n"])
def test_the_text_part_gets_its_lines_behind_a_blank_one(last: bytes) -> None:
    raw = (
        b"From: a@example.com\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nHello" + last
        + b"\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n--b--\r\n"
    )  # fmt: skip
    result = rewrite(raw, Plan(opens=True, html_links=True, notice=True), URLS)
    assert isinstance(result, Tracked)
    assert re.search(rb"Hello\r\n\r\nThis message tells", result.raw)
    assert result.raw.count(URLS.page().encode()) == 2


def test_no_line_speaks_of_tracking_where_nothing_is_tracked() -> None:
    raw = b"From: a@example.com\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n"
    assert not isinstance(rewrite(raw, Plan(opens=False, html_links=True, notice=True), URLS), Tracked)
