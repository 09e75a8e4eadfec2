"""Where the header fields stand that speak to us, and what they hold; all others are never looked at.

Finds fields by the beginning of their names, with a search and not by parsing, so that a header block of 10 MB or
100,000 fields costs milliseconds. Knows no field's meaning. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# A field's name ends at the colon; white space before it is obsolete but met (RFC 5322 section 4.5). Octets beyond
# ASCII are not allowed in one, and must not keep ours from being taken out.
_NAME = re.compile(rb"([!-9;-~\x80-\xff]+)[ \t]*:")
# The end of a field: a line end that no white space follows.
_LF_END = re.compile(rb"\n(?![ \t])")
_CR_END = re.compile(rb"\r(?![ \t])")


@dataclass(frozen=True, slots=True)
class ControlField:
    """One field: ``start`` to ``end`` is all of it with its line end; the value lies from ``value_start`` to
    ``value_end`` and keeps its folding. ``name`` is in lower case."""

    name: str
    start: int
    value_start: int
    value_end: int
    end: int


def header_limit(block: bytes) -> int:
    """Where the fields end: at the blank line if there is one, so that a body's lines are never taken for fields."""
    if block[:1] == b"\n" or block[:2] == b"\r\n":
        return 0
    blank_lines = (b"\n\n", b"\n\r\n") if b"\n" in block else (b"\r\r",)
    return min((at + 1 for blank in blank_lines if (at := block.find(blank)) >= 0), default=len(block))


def find_fields(block: bytes, prefixes: Iterable[bytes]) -> list[ControlField]:
    """All fields whose name begins with one of the prefixes (lower case), in order.

    Lines end in LF or CRLF; in bare CR only when there is no LF at all, as in files of old Macs. A line without a colon
    is no field whatever it begins with: to servers that end the header there it is the body's first.
    """
    lowered = block.lower()
    line_end = b"\n" if b"\n" in block else b"\r"
    starts = sorted({start for prefix in prefixes for start in _line_starts(lowered, prefix, line_end)})
    if not starts:
        return []
    limit = header_limit(block)
    end_pattern = _LF_END if line_end == b"\n" else _CR_END
    found = []
    for start in starts:
        match = _NAME.match(block, start, limit)
        if match is None:
            continue
        end_match = end_pattern.search(block, match.end(), limit)
        value_end = end_match.start() if end_match else limit
        end = end_match.end() if end_match else limit
        if end_match and block[value_end - 1 : value_end] == b"\r" and value_end > match.end():
            value_end -= 1
        found.append(ControlField(match[1].decode("latin-1").lower(), start, match.end(), value_end, end))
    return found


def _line_starts(lowered: bytes, prefix: bytes, line_end: bytes) -> Iterator[int]:
    if lowered.startswith(prefix):
        yield 0
    wanted = line_end + prefix
    at = lowered.find(wanted)
    while at >= 0:
        yield at + 1
        at = lowered.find(wanted, at + 1)
