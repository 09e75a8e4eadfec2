"""A body that ends with a line end goes on doing so, and comes back from a delivered copy to the byte."""

from __future__ import annotations

import base64
import quopri

import pytest

from ledger.records import Reason
from relay.rewriting.mime_spans import find_parts
from relay.rewriting.plan import Plan, Tracked
from relay.rewriting.restore import restore
from relay.rewriting.rewrite import rewrite
from relay.rewriting.transfer import read_body
from tests.rewriting.oracles import URLS, check_message

LINK = '<p><a href="https://www.example.com/a">a</a></p>'
ENDS = ["", "\r\n", "\r\n\r\n", " \r\n", "\r\n \r\n", "\n", "\n\n"]


def message(html: str, encoding: str) -> bytes:
    body = html.encode()
    if encoding == "quoted-printable":
        body = quopri.encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    elif encoding == "base64":
        body = base64.encodebytes(body).replace(b"\n", b"\r\n")
    return f"Content-Type: text/html\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


def decoded(raw: bytes) -> bytes:
    parts = find_parts(raw)
    assert not isinstance(parts, Reason)
    body = read_body(raw, parts[0], b"\r\n")
    assert body is not None
    return body.decoded


def tracked(raw: bytes, *, notice: bool = False) -> Tracked:
    result = rewrite(raw, Plan(opens=True, html_links=True, notice=notice), URLS)
    assert isinstance(result, Tracked)
    assert result.opens
    return result


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("words", [LINK, "<p>words", "words", f"<table><tr><td>{LINK}"])
def test_the_pixel_stands_before_the_line_end_and_goes_without_a_trace(words: str, end: str, encoding: str) -> None:
    raw = message(words + end, encoding)
    result = tracked(raw)
    body = decoded(result.raw)
    assert body.endswith(b'alt="">' + decoded(raw)[len(words) :])
    assert restore(result.raw, URLS) == raw
    check_message(raw)


@pytest.mark.parametrize("end", [end for end in ENDS if end])
def test_the_pixel_stands_before_the_line_end_behind_open_formatting(end: str) -> None:
    raw = message(f"<p><font>{LINK}</p>{end}", "7bit")
    result = tracked(raw)
    assert result.raw.endswith(f'alt="">{end}'.encode())
    check_message(raw)


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
def test_the_notice_stands_before_the_line_end_too(encoding: str) -> None:
    assert decoded(tracked(message(f"{LINK}\r\n", encoding), notice=True).raw).endswith(b"</p>\r\n")


@pytest.mark.parametrize("length", [60, 70, 74, 75, 76])
def test_a_line_of_any_length_comes_back_from_quoted_printable(length: int) -> None:
    raw = message("x" * length + "\r\n", "quoted-printable")
    raw_long = (
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + b"x" * length + b"\r\n"
    )
    for one in (raw, raw_long, raw_long.replace(b"xxx", b"xxxxx")):
        assert restore(tracked(one).raw, URLS) == one


@pytest.mark.parametrize("last", [b"=\r\n", b"=\n", b"=", b"=  \r\n"])
def test_a_soft_break_at_the_very_end_stays_there(last: bytes) -> None:
    raw = b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>words" + last
    result = tracked(raw)
    assert result.raw.endswith(b'alt=3D"">' + last)
    assert restore(result.raw, URLS) == raw


@pytest.mark.parametrize(
    ("html", "why"),
    [
        ("<table><tr>\r\n", "white space stays in a table, an image does not"),
        ("<p>words<pre>\r\n", "behind <pre> a line end is swallowed, behind an image it is not"),
        ("\r\n", "white space before the body is no text, behind an image it is"),
        ("<title>words</title>\r\n", "white space in the head is not in the body"),
    ],
)
def test_the_pixel_stands_last_where_the_line_end_means_more_before_it(html: str, why: str) -> None:
    raw = message(html, "7bit")
    check_message(raw)
    assert restore(tracked(raw).raw, URLS) == raw, why


@pytest.mark.parametrize("length", [700, 840, 930, 980, 990, 991, 992, 993, 994, 996, 998, 5000])
@pytest.mark.parametrize("end", ["\r\n", "\r\n\r\n"])
@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable"])
def test_a_long_last_line_costs_no_pixel(length: int, end: str, encoding: str) -> None:
    words = ("words " * 1000)[: length - 1] + "w"
    raw = f"Content-Type: text/html\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{words}{end}".encode()
    check_message(raw)
    result = tracked(raw)
    assert restore(result.raw, URLS) == raw
    if length < 990 or end == "\r\n\r\n":
        assert result.raw.endswith(b"\r\n")
