"""Edits of decoded text, carried over into each transfer encoding."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.rewriting.base64_part import Base64Part
from relay.rewriting.mime_spans import Part, find_parts
from relay.rewriting.plan import SpanKind
from relay.rewriting.quoted_printable import QuotedPrintable
from relay.rewriting.transfer import BodyEdit, line_end_of, read_body, splice


def body_of(encoding: str, body: bytes) -> tuple[bytes, Part]:
    raw = b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body
    parts = find_parts(raw)
    assert isinstance(parts, tuple)
    return raw, parts[0]


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        (b"a=3Db", b"a=b"),
        (b"a=3db", b"a=b"),  # lower case is not allowed, and read by everybody
        (b"a=\r\nb", b"ab"),
        (b"a=\nb", b"ab"),
        (b"a=  \r\nb", b"ab"),  # white space that was added on the way
        (b"a=", b"a"),  # a soft break at the end of everything
        (b"a=ZZb", b"a=ZZb"),  # no octet: it stands for itself
        (b"a=\rb", b"ab"),  # a soft break of an old Macintosh
        (b"=C3=A9\r\n", b"\xc3\xa9\r\n"),
    ],
)
def test_quoted_printable_is_decoded(encoded: bytes, decoded: bytes) -> None:
    assert QuotedPrintable(encoded).decoded == decoded


@given(st.binary(max_size=300), st.data())
def test_an_edit_in_quoted_printable_changes_what_it_should_and_no_more(text: bytes, data: st.DataObject) -> None:
    text = text.replace(b"\r", b"")
    encoded = quopri.encodestring(text)
    raw, part = body_of("quoted-printable", encoded)
    body = read_body(raw, part, line_end_of(raw))
    assert body is not None
    assert body.decoded == text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    new = data.draw(st.text("ab=.:/?%", max_size=200)).encode()
    carried = body.carry([BodyEdit(start, end, new, SpanKind.HREF)])
    edited = splice(raw, carried.edits)
    again = find_parts(edited)
    assert isinstance(again, tuple)
    assert quopri.decodestring(edited[again[0].body_start :]) == text[:start] + new + text[end:]
    before = max(map(len, encoded.split(b"\n")))
    # A soft break is a CRLF where the body has no line end of its own.
    assert max(map(len, edited[again[0].body_start :].replace(b"\r\n", b"\n").split(b"\n"))) <= max(76, before)


@pytest.mark.parametrize("encoding", ["quoted-printable", "7bit"])
def test_several_edits_of_one_line_keep_it_short(encoding: str) -> None:
    raw, part = body_of(encoding, b"a b c d e f g h\r\nnext\r\n")
    body = read_body(raw, part, line_end_of(raw))
    assert body is not None
    edits = [BodyEdit(at, at + 1, bytes([65 + at]) * 150, SpanKind.HREF, at) for at in range(0, 15, 2)]
    carried = body.carry(edits)
    edited = splice(raw, carried.edits)
    limit = 76 if encoding == "quoted-printable" else 998
    assert max(map(len, edited.split(b"\r\n"))) <= limit
    # Six times 149 more octets fit into 998.
    assert len(carried.too_long) == (0 if encoding == "quoted-printable" else 2)


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        (b"PGI+\r\n!", "a stray character"),
        (b"PGI+P", "a letter too many"),
        (b"PGI=P", "one after the padding"),
        (b"PGI=PGI=", "words after the padding"),
        (b"PGI+\r\n-- \r\nA footer\r\n", "a mailing list's footer"),
        (b"PGJ=", "bits that nobody put there"),
    ],
)
def test_doubtful_base64_is_not_read(encoded: bytes, why: str) -> None:
    found = Base64Part.read(encoded)
    if why == "bits that nobody put there":
        assert found is not None
        assert found.decoded == b"<b"
    else:
        assert found is None, why


def test_padding_that_was_forgotten_leaves_no_doubt() -> None:
    found = Base64Part.read(b"PGI+eA\r\n")
    assert found is not None
    assert found.decoded == b"<b>x"
    assert found.encode(b"<b>y") == b"PGI+eQ==\r\n"


@pytest.mark.parametrize("width", [60, 64, 72, 76])
@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("last", [b"", b"\r\n", b"\n\n"])
def test_base64_keeps_its_own_habit(width: int, newline: bytes, last: bytes) -> None:
    text = bytes(range(256))
    flat = base64.b64encode(text)
    encoded = newline.join(flat[at : at + width] for at in range(0, len(flat), width)) + last
    part = Base64Part.read(encoded)
    assert part is not None
    assert part.decoded == text
    assert part.encode(text) == encoded


@pytest.mark.parametrize("encoding", ["x-uuencode", "quoted-printable; charset=x", "utf-8", "7-bit; x=y"])
def test_an_encoding_that_is_none_gives_no_body(encoding: str) -> None:
    assert read_body(*body_of(encoding, b"<p>"), b"\r\n") is None
