"""What is put into a mail never makes octets that its transfer encoding, or mail at all, has no room for."""

from __future__ import annotations

import base64
import email
import email.policy
import quopri
import re

import pytest

from ledger.records import Reason
from relay.rewriting.plan import Plan, Tracked, Unchanged
from relay.rewriting.quoted_printable import QuotedPrintable
from relay.rewriting.restore import restore
from relay.rewriting.rewrite import rewrite
from tests.rewriting.oracles import URLS, check_message

LINES = Plan(opens=True, html_links=True, text_links=True, notice=True)
HTML = '<p><a href="https://www.example.com/a">one</a></p>\n'
TORN_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")
# Charsets in which ASCII letters are other octets, or more of them.
EBCDIC = ["cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"]
WIDE = ["utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be"]


def message(body: bytes, encoding: str, charset: str = "utf-8", kind: str = "text/html") -> bytes:
    head = f"From: a@example.com\r\nContent-Type: {kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}"
    return head.encode() + b"\r\n\r\n" + body


def encoded(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(body).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(body, quotetabs=True).replace(b"\n", b"\r\n")
    return body


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "binary", "quoted-printable"])
@pytest.mark.parametrize("charset", EBCDIC + WIDE)
@pytest.mark.parametrize("text", [HTML, "", "   "])
def test_a_charset_with_other_octets_for_ascii_is_left_alone_where_octets_make_lines(
    charset: str, encoding: str, text: str
) -> None:
    for kind in ("text/html", "text/plain"):
        raw = message(encoded(text.encode(charset), encoding), encoding, charset, kind)
        result = rewrite(raw, LINES, URLS)
        assert isinstance(result, Unchanged)
        if kind == "text/html":
            assert result.reason is Reason.CHARSET
        assert restore(raw, URLS) == raw


@pytest.mark.parametrize("charset", EBCDIC + WIDE)
def test_in_base64_it_is_tracked(charset: str) -> None:
    result = check_message(
        message(encoded(("\ufeff" * (charset in WIDE) + HTML).encode(charset), "base64"), "base64", charset)
    )
    assert isinstance(result, Tracked)
    assert result.raw.isascii()
    body = base64.b64decode(result.raw.partition(b"\r\n\r\n")[2]).decode(charset)
    assert URLS.link(1, "https://www.example.com/a") in body
    assert URLS.pixel() in body


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "iso-2022-jp", "euc-kr", "gb18030", "koi8-r"])
@pytest.mark.parametrize("language", ["de", "fr", "it", "ja"])
@pytest.mark.parametrize("end", ["", "\r\n"])
def test_lines_in_quoted_printable_are_printable_letters(charset: str, language: str, end: str) -> None:
    plan = Plan(opens=False, html_links=False, text_links=True, notice=True, withdrawal=True, language=language)
    for length in range(0, 80, 1 if charset == "utf-8" else 9):
        body = b"https://www.example.com/\r\n" + b"x" * length + end.encode()
        result = rewrite(message(body, "quoted-printable", charset, "text/plain"), plan, URLS)
        assert isinstance(result, Tracked)
        assert not re.search(rb"[^ -~\r\n]", result.raw)
        assert not TORN_LINE_END.search(result.raw)
        assert max(map(len, result.raw.split(b"\r\n"))) <= max(76, length)
        text = email.message_from_bytes(result.raw, policy=email.policy.SMTP).get_content()
        other = rewrite(message(encoded(body, "base64"), "base64", charset, "text/plain"), plan, URLS)
        assert isinstance(other, Tracked)
        in_base64 = email.message_from_bytes(other.raw, policy=email.policy.SMTP).get_content()
        assert text.splitlines() == in_base64.splitlines()


@pytest.mark.parametrize(
    "new", [b"caf\xc3\xa9." * 30, b"\x1b$B\x1b(B." * 30, b"=." * 60, b"a\r\nb\n\xe9\n\nc" * 20, b"\0\t."]
)
def test_any_octets_are_carried_into_quoted_printable(new: bytes) -> None:
    for column in range(76):
        text = QuotedPrintable(b"x" * column + b"|\r\n", b"\r\n")
        found = text.encode(column, column, new, column)
        assert found is not None
        written, after = found
        assert not re.search(rb"[^ -~\r\n]", written)
        assert not TORN_LINE_END.search(written)
        lines = (b"x" * column + written + b"|").split(b"\r\n")
        assert max(map(len, lines)) <= 76
        assert after == len((b"x" * column + written).rpartition(b"\r\n")[2])
        assert not any(line.startswith(b".") for line in lines[1:] if new.find(b"..") < 0)
        assert quopri.decodestring(written) == re.sub(rb"\r\n|\n", b"\r\n", new)


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("end", [b"", b"\r words"])
def test_a_body_without_a_line_end_gets_those_of_its_message(newline: bytes, end: bytes) -> None:
    for encoding in ("quoted-printable", "7bit"):
        body = b'<p><a href=3D"https://www.example.com/a">one</a></p>' + b"x" * 920 + end
        body = body if encoding == "quoted-printable" else body.replace(b"=3D", b"=")
        raw = message(body, encoding).replace(b"\r\n", newline)
        result = check_message(raw)
        assert isinstance(result, Tracked)
        new = b"".join(edit.new for edit in result.edits)
        assert newline in new
        assert not TORN_LINE_END.search(new.replace(newline, b"\r\n"))


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("html", [b"", b"<p>words</p>", b'<p><a href="https://www.example.com/a">one</a></p>'])
def test_base64_on_one_line_is_broken_as_its_message_is(newline: bytes, html: bytes) -> None:
    raw = message(base64.b64encode(html), "base64").replace(b"\r\n", newline)
    result = check_message(raw)
    assert isinstance(result, Tracked)
    assert set(re.findall(rb"\r\n|\n|\r", result.raw)) == {newline}


@pytest.mark.parametrize("encoding", ["8bit", "binary"])
def test_no_eight_bit_letter_comes_into_a_part_that_has_none(encoding: str) -> None:
    """Whether the upstream takes eight bits was settled before the message came (RFC 6152)."""
    plan = Plan(opens=False, html_links=False, text_links=True, notice=True, language="ja")
    result = rewrite(message(b"https://www.example.com/\r\n", encoding, kind="text/plain"), plan, URLS)
    assert isinstance(result, Tracked)
    assert result.raw.isascii()
