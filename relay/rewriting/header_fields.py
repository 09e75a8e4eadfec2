"""Where the header fields of a message or part stand: offsets into the raw bytes, nothing decoded.

Decides what is a header block (RFC 5322 section 2.2; CRLF, bare LF or bare CR line ends, as files have them) and
where each field's value lies. Knows no field's meaning. A block that is not made of fields alone is doubt: None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from relay.rewriting.possessive_groups import compiled

# One field: a name, a colon, the rest of the line and all folded lines after it. Possessive throughout, so that a
# 10 MB header is read once. ``value`` keeps its line ends inside.
_LF_FIELD = compiled(rb"([!-9;-~]++)[ \t]*+:((?:[^\n]*+(?:\n[ \t])?+)*+)(\n|\Z)")
_CR_FIELD = compiled(rb"([!-9;-~]++)[ \t]*+:((?:[^\r]*+(?:\r[ \t])?+)*+)(\r|\Z)")
_BLANK_LINE = re.compile(rb"\r?\n|\r")
_END_OF_HEADER = re.compile(rb"(?:\A|\n)\r?\n|\r\r(?!\n)")
_MBOX_LINE = re.compile(rb"From [^\r\n]*+(?:\r\n?+|\n)")


class HeaderField(NamedTuple):
    """One field: ``start`` is the first letter of its name, ``end`` is after its line end."""

    name: str  # lower case
    start: int
    value_start: int
    value_end: int  # before the line end
    end: int

    def value(self, raw: bytes) -> str:
        """The value unfolded (RFC 5322 section 2.2.3), bytes beyond ASCII as Latin-1, outer white space gone."""
        text = raw[self.value_start : self.value_end]
        return text.replace(b"\r", b"").replace(b"\n", b"").decode("latin-1").strip()


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields of one block and where the body begins; without a blank line the body is empty at ``limit``."""

    fields: tuple[HeaderField, ...]
    body_start: int
    has_blank_line: bool

    def named(self, name: str) -> list[HeaderField]:
        return [field for field in self.fields if field.name == name]


def after_mbox_line(raw: bytes) -> int:
    """Where the message begins: behind the ``From `` line that mailbox files put first, else 0."""
    match = _MBOX_LINE.match(raw)
    return match.end() if match else 0


def header_end(raw: bytes) -> int:
    """Behind the first blank line; the whole length without one. For looking at headers that may be no fields."""
    match = _END_OF_HEADER.search(raw)
    return match.end() if match else len(raw)


def read_header_block(raw: bytes, start: int, limit: int) -> HeaderBlock | None:
    """The header block that begins at ``start`` and ends at the latest at ``limit``; None if a line is no field."""
    cr_only = is_cr_only(raw, start, limit)
    pattern = _CR_FIELD if cr_only else _LF_FIELD
    fields: list[HeaderField] = []
    position = start
    while position < limit:
        blank = _BLANK_LINE.match(raw, position, limit)
        if blank:
            if not cr_only and raw.count(b"\r", start, position) != raw.count(b"\r\n", start, position):
                return None  # some programs end a line at a bare CR, others do not
            return HeaderBlock(tuple(fields), blank.end(), True)
        match = pattern.match(raw, position, limit)
        if match is None:
            return None
        value_start, value_end = match.span(2)
        if value_end > value_start and raw[value_end - 1] == 13:
            value_end -= 1
        name = match[1].decode("ascii").lower()
        fields.append(HeaderField(name, position, value_start, value_end, match.end()))
        position = match.end()
    return HeaderBlock(tuple(fields), limit, False)


def read_known_fields(raw: bytes, start: int, limit: int) -> HeaderBlock:
    """The fields of a block in which other lines stand between; up to its blank line, or ``limit``. Its body is
    nobody's to look at."""
    fields: list[HeaderField] = []
    position = start
    while position < limit and not _BLANK_LINE.match(raw, position, limit):
        match = _LF_FIELD.match(raw, position, limit)
        if match:
            name = match[1].decode("ascii").lower()
            fields.append(HeaderField(name, position, match.start(2), match.end(2), match.end()))
            position = match.end()
        else:
            newline = raw.find(b"\n", position, limit)
            position = limit if newline < 0 else newline + 1
    return HeaderBlock(tuple(fields), limit, False)


def is_cr_only(raw: bytes, start: int, limit: int) -> bool:
    """Whether lines end in bare CR, as in files of old Macs: a CR and no LF anywhere."""
    first = raw.find(b"\r", start, limit)
    return first >= 0 and raw[first + 1 : first + 2] != b"\n" and raw.find(b"\n", start, limit) < 0
