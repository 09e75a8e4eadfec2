"""What a record keeps of a message's header: its subject in letters, and its Message-ID as written. Pure.

Reads the first kilobytes of these two fields and nothing else: neither a field of 10 MB nor twenty thousand encoded
words can make it slow. What cannot be decoded stays as it is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header

LONGEST_VALUE = 2000
_FIELD = rb"(?:\A|\n)%s[ \t]*:((?:[^\r\n]|\r?\n[ \t]){0,%d})"
_SUBJECT = re.compile(_FIELD % (b"subject", LONGEST_VALUE), re.IGNORECASE)
_MESSAGE_ID = re.compile(_FIELD % (b"message-id", 500), re.IGNORECASE)


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SIGNATURE = re.compile(rb"(?:\A|\n)dkim-signature[ \t]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    subject: str
    message_id: str


def end_of_header(content: bytes | bytearray, start: int = 0) -> int:
    """Where the body begins, after the blank line; -1 when there is none at or after ``start``."""
    if content.startswith(b"\r\n"):
        return 2
    end = content.find(b"\r\n\r\n", start)
    return end + 4 if end >= 0 else -1


def header_of(raw: bytes) -> bytes:
    """The header block with its blank line; all of it where there is none."""
    end = end_of_header(raw)
    return raw[:end] if end >= 0 else raw


def header_facts(raw: bytes) -> HeaderFacts:
    """Facts of a message, or of its header block alone."""
    header = header_of(raw)
    return HeaderFacts(_on_one_line(_decoded(_value(_SUBJECT, header))), _on_one_line(_value(_MESSAGE_ID, header)))


def is_signed(raw: bytes) -> bool:
    """Whether the header block has a DKIM signature."""
    return _SIGNATURE.search(header_of(raw)) is not None


def _value(field: re.Pattern[bytes], header: bytes) -> str:
    match = field.search(header)
    if match is None:
        return ""
    unfolded = re.sub(rb"\r?\n", b"", match[1]).strip()
    return unfolded.decode("utf-8", "replace")


def _on_one_line(text: str) -> str:
    """An encoded word may hold line ends and worse; what goes into other mails and pages must not."""
    return _CONTROL.sub(" ", text)


def _decoded(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
        return "".join(
            piece.decode(charset or "ascii", "replace") if isinstance(piece, bytes) else piece
            for piece, charset in pieces
        )
    except (LookupError, ValueError, HeaderParseError):  # an unknown charset, broken base64
        return value
