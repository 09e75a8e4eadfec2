"""Where parts begin and end, and which structures are doubted."""

from __future__ import annotations

import pytest

from ledger.records import Reason
from relay.rewriting.body_parts import BodyParts, choose_body_parts
from relay.rewriting.mime_spans import find_parts

HEAD = b"Subject: x\r\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def parts_of(raw: bytes) -> list[tuple[str, str, bytes]]:
    parts = find_parts(raw)
    assert isinstance(parts, tuple), parts
    return [(part.number, part.kind, raw[part.body_start : part.body_end]) for part in parts if not part.is_multipart]


def test_a_message_without_parts_is_part_one() -> None:
    assert parts_of(HEAD + b"\r\nbody\r\n") == [("1", "text/plain", b"body\r\n")]


def test_the_line_end_before_a_boundary_belongs_to_it() -> None:
    mixed = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
    raw = mixed + b"--b\r\n\r\none\r\n\r\n--b \t\r\n\r\ntwo\r\n--b--\r\n"
    assert parts_of(raw) == [("1", "text/plain", b"one\r\n"), ("2", "text/plain", b"two")]


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"])
def test_a_part_whose_blank_line_is_the_delimiters_has_no_body_to_edit(newline: bytes) -> None:
    # What would be put in there would stand before the delimiter in its line, and the part would have no end.
    raw = HEAD + MIXED + b"--b\r\nContent-Type: text/html\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\r\n--b--\r\n"
    assert parts_of(raw.replace(b"\r\n", newline)) == [("1", "application/octet-stream", b""), ("2", "text/html", b"")]


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"])
def test_line_ends_are_read_as_found(newline: bytes) -> None:
    raw = (
        HEAD
        + b"Content-Type: multipart/mixed;\r\n boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--\r\n"
    )
    assert parts_of(raw.replace(b"\r\n", newline)) == [("1", "text/html", b"x")]


def test_numbers_are_those_of_imap() -> None:
    raw = (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/alternative; boundary=ab"
        b"\r\n\r\n--ab\r\n\r\nt\r\n--ab\r\nContent-Type: text/html\r\n\r\nh\r\n--ab--\r\n--a\r\n\r\nlast\r\n--a--\r\n"
    )
    assert [number for number, _, _ in parts_of(raw)] == ["1.1", "1.2", "2"]


def test_parts_of_a_digest_are_messages_that_are_not_looked_into() -> None:
    raw = HEAD + b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nFrom: x\r\n\r\ny\r\n--b--\r\n"
    assert parts_of(raw) == [("1", "message/rfc822", b"From: x\r\n\r\ny")]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"no field\r\n\r\nx", "a line that is no field"),
        (b" begins folded\r\n\r\nx", "a fold with nothing before it"),
        (b"A: b\rC: d\r\n\r\nx", "a bare CR that ends a line for some"),
        (b"Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\nx", "two types"),
        (b"Content-Type: multipart/mixed\r\n\r\nx", "no boundary"),
        (b'Content-Type: multipart/mixed; boundary=""\r\n\r\nx', "an empty boundary"),
        (b"Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n", "two boundaries"),
        (b"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n--ab\r\n\r\nx\r\n--ab--\r\n", "in pieces"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\nnothing", "no part"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n", "an end without a beginning"),
        (MIXED + b"--b\r\n\r\nx\r\n", "no end"),
        (MIXED + b"--b\r\n\r\nx\r\n--b\r\n", "no end, and a part that is empty"),
        (MIXED + b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n", "no end of two"),
        (b"Content-Type: multipart/mixed; boundary=ab\r\n\r\n--ab\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
         b"--a\r\n\r\nx\r\n--ab--\r\n", "an inner end that reads like the outer boundary's beginning"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--bogus\r\n--b--\r\n", "a line alike"),
        (MIXED + b"--b\r\nContent-Type: text/html\r\nno field\r\n\r\nx\r\n--b--\r\n", "the header of HTML"),
        (MIXED + b"--b\r\nContent-Type: multipart/mixed;\r\nboundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n",
         "the header of more parts"),
        (b"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\nx", "two encodings"),
        (b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\n--b--\r\n",
         "an encoded multipart"),
    ],
)  # fmt: skip
def test_what_programs_read_differently_is_malformed(raw: bytes, why: str) -> None:
    assert find_parts(raw) is Reason.MALFORMED, why


@pytest.mark.parametrize(
    ("body", "parts", "why"),
    [
        (b"--b\r\nContent-Type: text/plain\r\n--b--\r\n", [("1", "application/octet-stream", b"")],
         "a header alone has no body to touch"),
        (b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n",
         [("1.1", "text/plain", b"x"), ("2", "text/plain", b"y")], "the outer boundary ends the inner parts"),
        (b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--b\r\n\r\ny\r\n--b--\r\n",
         [("2", "text/plain", b"y")], "an inner multipart may be empty"),
        (b"--b\r\n\r\nx\r\n--b\r\nContent-Type: application/pdf;\r\nname=x\r\n\r\ny\r\n--b--\r\n",
         [("1", "text/plain", b"x"), ("2", "application/pdf", b"")], "an attachment's broken header is its own"),
        (b"--b\r\nwords\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n",
         [("1", "application/octet-stream", b""), ("2", "text/plain", b"y")], "words without a header"),
        (b"--b\r\nContent-Type: text/html\r\ncontent-type:  text/html\r\n\r\nx\r\n--b--\r\n",
         [("1", "text/html", b"x")], "the same type twice"),
    ],
)  # fmt: skip
def test_what_every_program_reads_alike_is_no_doubt(body: bytes, parts: list[tuple[str, str, bytes]], why: str) -> None:
    assert parts_of(HEAD + MIXED + body) == parts, why


@pytest.mark.parametrize("word", ["7-bit", "8bits", "8-Bit", "7 bit", "none", ""])
def test_whoever_misspells_7bit_or_8bit_means_the_bytes_as_they_are(word: str) -> None:
    parts = find_parts(HEAD + b"Content-Transfer-Encoding: " + word.encode() + b"\r\n\r\nx")
    assert isinstance(parts, tuple)
    assert parts[0].transfer_encoding in ("7bit", "8bit")


@pytest.mark.parametrize("word", ["quoted printable", "base64;", "x-uuencode", "base-64", "gzip"])
def test_an_encoding_that_some_programs_may_undo_is_not_known(word: str) -> None:
    parts = find_parts(HEAD + b"Content-Transfer-Encoding: " + word.encode() + b"\r\n\r\nx")
    assert isinstance(parts, tuple)
    assert parts[0].transfer_encoding == word


@pytest.mark.parametrize(
    ("header", "is_body"),
    [
        (b"Content-Type: text/html", True),
        (b"Content-Type: TEXT/HTML; charset=x", True),
        (b"Content-Type: text/html\r\nContent-Disposition: inline", True),
        (b"Content-Type: text/html\r\nContent-Disposition: attachment", False),
        (b"Content-Type: text/html\r\nContent-Disposition: inline\r\nContent-Disposition: attachment", False),
        (b"Content-Type: text/html\r\nContent-Disposition: x-unknown", False),
        (b"Content-Type: text/html; name=page.html", False),
        (b"Content-Type: text/html\r\nContent-Disposition: inline; filename*=utf-8''p.html", False),
        (b"Content-Type: text/x-amp-html", False),
        (b"Content-Type: text/calendar", False),
        (b"Content-Type: html", False),
    ],
)
def test_which_html_is_body_behind_a_first_part(header: bytes, is_body: bool) -> None:
    raw = (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nt\r\n--b\r\n"
        + header
        + b"\r\n\r\nx\r\n--b--\r\n"
    )
    parts = find_parts(raw)
    assert isinstance(parts, tuple)
    chosen = choose_body_parts(raw, parts)
    assert isinstance(chosen, BodyParts)
    assert bool(chosen.html) is is_body


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (b"multipart/signed", Reason.SIGNED),
        (b"multipart/encrypted", Reason.ENCRYPTED),
    ],
)
def test_protection_deep_inside_protects_the_whole_message(kind: bytes, reason: Reason) -> None:
    inner = kind + b"; boundary=i\r\n\r\n--i\r\n\r\nx\r\n--i--"
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: " + inner + b"\r\n--o--\r\n"
    parts = find_parts(raw)
    assert isinstance(parts, tuple)
    assert choose_body_parts(raw, parts) is reason
