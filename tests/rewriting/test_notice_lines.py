"""What mailglass itself writes into a mail: in the reader's language and the part's charset, a blank line apart."""

from __future__ import annotations

import email
import email.policy
import re
from base64 import b64encode
from html import unescape

import pytest

from ledger.records import Reason
from relay.rewriting.notice_lines import LANGUAGES, Lines, html_lines, pixel_markup, text_lines
from relay.rewriting.plan import Plan, Tracked, Unchanged
from relay.rewriting.rewrite import Prepared, prepare, rewrite, tells_everybody
from tests.rewriting.oracles import URLS

PAGE = "https://t.example.org/p/x"


@pytest.mark.parametrize("language", [*LANGUAGES, "xx"])
def test_every_language_has_its_lines_in_ascii(language: str) -> None:
    lines = Lines(language, notice=True, withdrawal=True)
    html = html_lines(lines, PAGE)
    assert html.isascii()
    assert PAGE in unescape(html.decode())
    assert text_lines(lines, PAGE, b"\r\n").isascii()


def test_a_line_that_is_not_wanted_is_not_there() -> None:
    assert html_lines(Lines(), PAGE) == b""
    assert text_lines(Lines(), PAGE, b"\n") == b""
    assert b"tells its sender" not in html_lines(Lines(withdrawal=True), PAGE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_says_what_is_tracked_and_no_more(language: str) -> None:
    said = {
        html_lines(Lines(language, notice, not notice, opens, links), PAGE)
        for notice in (True, False)
        for opens, links in ((True, True), (True, False), (False, True))
    }
    assert len(said) == 6


# Content-Type and transfer encoding of a text part, whether German and Japanese can be written there, and why.
TEXT_PARTS = [
    ('text/plain; charset="utf-8"', "quoted-printable", True, True, "any letter"),
    ("text/plain; charset=utf-8; format=flowed", "8bit", True, True, "any letter"),
    ("text/plain; charset=utf-8", "base64", True, True, "any letter"),
    ("text/plain; charset=utf-8", "7bit", False, False, "eight bits have no place in 7bit"),
    ("text/plain; charset=iso-8859-1", "quoted-printable", True, False, "Latin letters alone"),
    ("text/plain; charset=iso-2022-jp", "7bit", False, True, "Japanese in seven bits"),
    ("text/plain; charset=shift_jis", "8bit", False, True, "Japanese alone"),
    ("text/plain; charset=us-ascii", "7bit", False, False, "ASCII"),
    ("text/plain", "7bit", False, False, "ASCII, when nothing is said"),
]


def an_alternative(content_type: str, encoding: str, text: bytes, language: str) -> bytes:
    body = {"base64": b64encode(text) + b"\r\n", "quoted-printable": text}.get(encoding, text)
    return (
        f"From: a@example.com\r\nContent-Language: {language}\r\n"
        "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    ).encode() + body + b"\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n--b--\r\n"  # fmt: skip


def parts_of(raw: bytes) -> tuple[str, str]:
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    text, html = (part for part in message.walk() if not part.is_multipart())
    return str(text.get_content()), str(html.get_content())  # type: ignore[attr-defined]


@pytest.mark.parametrize(("content_type", "encoding", "german", "japanese", "why"), TEXT_PARTS)
def test_the_line_is_in_the_messages_language_where_the_parts_charset_has_the_letters(
    content_type: str, encoding: str, german: bool, japanese: bool, why: str
) -> None:
    plan = Plan(opens=True, html_links=True, withdrawal=True)
    for language, words, has_letters in (
        ("de-AT", "wann diese Nachricht geöffnet wird", german),
        ("ja", "ご同意にもとづき", japanese),
        ("fr, de", "quels liens vous suivez", True),
    ):
        # With eight bits in it already where they are to stand as they are.
        eight = "×\r\n".encode(content_type.partition("charset=")[2].partition(";")[0]) if encoding == "8bit" else b""
        raw = an_alternative(content_type, encoding, b"Hello\r\n" + eight, language)
        result = rewrite(raw, plan, URLS)
        assert isinstance(result, Tracked)
        text, html = parts_of(result.raw)
        in_text = words if has_letters and language != "fr, de" else "You agreed" if not has_letters else ""
        assert in_text in text, f"{language}: {why}"
        assert words in unescape(html), language
        assert URLS.page() in text
        assert URLS.page() in html
        assert text.replace("\r", "").startswith("Hello\n×\n\n" if eight else "Hello\n\n")
        assert all(len(line) <= 998 for line in result.raw.split(b"\r\n"))


def test_a_message_without_a_language_gets_the_installations() -> None:
    raw = an_alternative("text/plain; charset=utf-8", "8bit", b"Hello\r\n", "tlh")
    result = rewrite(raw, Plan(opens=True, html_links=True, notice=True, language="it"), URLS)
    assert isinstance(result, Tracked)
    assert "quando viene aperto" in parts_of(result.raw)[0]


def test_where_only_html_is_tracked_the_line_stands_in_the_html_of_a_message_that_has_nothing_else() -> None:
    raw = b"From: a@example.com\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n"
    result = rewrite(raw, Plan(opens=True, html_links=True, withdrawal=True), URLS)
    assert isinstance(result, Tracked)
    assert URLS.page().encode() in result.raw


@pytest.mark.parametrize("length", [600, 800, 940, 990, 1500])
@pytest.mark.parametrize("end", [b"</p>\r\n", b"</p></body></html>", b"</p>"])
def test_long_lines_make_room_for_the_line_or_the_message_is_not_tracked(length: int, end: bytes) -> None:
    raw = b"From: a@example.com\r\nContent-Type: text/html\r\n\r\n<a href='https://example.org/'>y</a>\r\n<p>"
    raw += b"x" * length + end
    result = rewrite(raw, Plan(opens=False, html_links=True, withdrawal=True), URLS)
    if length > 998 and end == b"</p>":  # the last line is too long already, and nothing behind it could be broken off
        assert isinstance(result, Unchanged)
        assert result.reason is Reason.TOO_COMPLEX
        assert isinstance(rewrite(raw, Plan(opens=False, html_links=True), URLS), Tracked), "but for the line"
        return
    assert isinstance(result, Tracked)
    assert result.raw.count(URLS.page().encode()) == 1
    assert max(map(len, result.raw.split(b"\r\n"))) <= max(998, length + 30)


def test_a_part_that_tells_something_without_saying_so_is_noticed() -> None:
    raw = an_alternative("text/plain", "7bit", b"See https://example.org/ there\r\n", "en")
    prepared = prepare(raw, Plan(opens=True, html_links=True, text_links=True, withdrawal=True), URLS)
    assert isinstance(prepared, Prepared)
    assert tells_everybody(prepared.bodies)
    for number, body in enumerate(prepared.bodies):
        silent = body.only(tuple(slot for slot in body.slots if not slot.is_line))
        others = [one for place, one in enumerate(prepared.bodies) if place != number]
        assert not tells_everybody([silent, *others])


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
