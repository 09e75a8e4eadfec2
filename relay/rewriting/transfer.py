"""Edits of a part's decoded bytes, carried over to the bytes that stand in the message.

Decides how a body is decoded (7bit, 8bit, binary, quoted-printable, base64) and what an edit becomes in its encoding:
a splice of just those bytes, or one new base64 body. No line of more than 998 octets arises (RFC 5322 section 2.1.1).
Knows no HTML.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from relay.rewriting.base64_part import Base64Part
from relay.rewriting.header_fields import is_cr_only
from relay.rewriting.mime_spans import Part
from relay.rewriting.plan import Edit, SpanKind
from relay.rewriting.quoted_printable import LONGEST_LINE, QuotedPrintable

_FIRST_WORD = 5  # "<img" and the line end's CR


class BodyEdit(NamedTuple):
    """Replace ``decoded[start:end]`` by ``new``. An edit that cannot be carried over is dropped, by ``key``."""

    start: int
    end: int
    new: bytes
    kind: SpanKind
    key: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """Edits of the message, and the keys of those that would have made a line too long."""

    edits: tuple[Edit, ...]
    too_long: frozenset[int] = frozenset()


class PlainBody:
    """7bit, 8bit and binary: what stands there is what is meant. ``newline`` is how lines of this body end."""

    def __init__(self, raw: bytes, start: int, end: int, newline: bytes) -> None:
        self._raw = raw
        self._start = start
        self.decoded = raw[start:end]
        self.newline = line_end_in(self.decoded, newline)
        self._last_of_line = b"\r" if newline == b"\r" else b"\n"

    def has_room(self, position: int) -> bool:
        """Whether the line at a decoded offset can take the first word of an edit."""
        newline = self._last_of_line
        at = self._start + position
        return _line_end(self._raw, newline, at) - self._raw.rfind(newline, 0, at) + _FIRST_WORD <= LONGEST_LINE

    def carry(self, edits: Sequence[BodyEdit], *, tidy: bool = False) -> Carried:
        """Line by line: edits are kept in order as long as their line stays within the limit.

        A line that is too long already may be broken by what is new, but no part of it may get longer. ``tidy``: what
        was put in comes out again, and a line that it had broken may be as long as it was.
        """
        raw, base = self._raw, self._start
        newline = self._last_of_line
        carried: list[Edit] = []
        too_long: set[int] = set()
        line_start, line_end, shift = 0, -1, 0  # shift: how far earlier edits have moved what follows in the line
        breaks = [edit for edit in edits if newline in edit.new]
        taken_out = _TakenOut(edits, raw, newline, base)
        for edit in edits:
            start, end, new, kind, key = edit
            start, end = base + start, base + end
            if start > line_end:
                line_start, shift = raw.rfind(newline, 0, start) + 1, 0
                line_end = _line_end(raw, newline, start)
            # A value may go over line ends, and what is new joins its lines.
            joined_end = _line_end(raw, newline, end) if end > line_end else line_end
            growth = len(new) - (end - start)
            longest, most = joined_end - line_start + shift + growth, LONGEST_LINE
            if taken_out.is_any:
                longest -= taken_out.between(end - base, joined_end - base)
            others: list[bytes] = []
            if breaks:  # a pixel or a notice, if anything
                first, *others = new.split(newline)
                lines = [start - line_start + shift + len(first), *map(len, others)]
                lines[-1] += _rest_of_line(breaks, taken_out, edit, joined_end - base, newline)
                longest = max(lines)
                most = max(most, joined_end - line_start if others else 0)
            if longest > most and not tidy and (growth > 0 or end > line_end):
                too_long.add(key)
                continue
            line_end = joined_end
            shift = len(others[-1]) - (end - line_start) if others else shift + growth
            carried.append(Edit(start, end, new, kind))
        return Carried(tuple(carried), frozenset(too_long))


class QuotedPrintableBody:
    """Only the encoded bytes of an edited span change."""

    def __init__(self, raw: bytes, start: int, end: int, newline: bytes) -> None:
        self._start = start
        encoded = raw[start:end]
        self.newline = line_end_in(encoded, newline)
        self._text = QuotedPrintable(encoded, self.newline)
        self.decoded = self._text.decoded

    def has_room(self, position: int) -> bool:
        """Whether the line at a decoded offset can take a soft line break."""
        return self._text.column_of(self._text.encoded_span(position, position)[0]) < LONGEST_LINE - 1

    def carry(self, edits: Sequence[BodyEdit], *, tidy: bool = False) -> Carried:
        carried: list[Edit] = []
        too_long: set[int] = set()
        last_end, last_column = -1, 0
        text, base = self._text, self._start
        for decoded_start, decoded_end, wanted, kind, key in edits:
            start, end = text.encoded_span(decoded_start, decoded_end)
            if tidy:
                start, end = text.without_soft_breaks(start, end, len(wanted))
            column = text.column_of(start)
            if start - column <= last_end:  # an earlier edit of the same line has moved what follows it
                column = last_column + start - last_end
            encoded = text.encode(start, end, wanted, column)
            if encoded is None:
                too_long.add(key)
                continue
            new, last_column = encoded
            last_end = end
            carried.append(Edit(base + start, base + end, new, kind))
        return Carried(tuple(carried), frozenset(too_long))


class Base64Body:
    """The whole part is encoded again: letters of base64 do not stand for bytes one by one."""

    def __init__(self, raw: bytes, start: int, part: Base64Part) -> None:
        self._raw = raw
        self._start = start
        self._part = part
        self.decoded = part.decoded
        self.newline = b"\r" if is_cr_only(part.decoded, 0, len(part.decoded)) else b"\r\n"

    def has_room(self, position: int) -> bool:
        """Always: its lines are our own."""
        return True

    def carry(self, edits: Sequence[BodyEdit], *, tidy: bool = False) -> Carried:
        if not edits:
            return Carried(())
        new = self._part.encode(splice(self.decoded, [Edit(e.start, e.end, e.new, e.kind) for e in edits]))
        return Carried((Edit(self._start, self._start + self._part.length, new, SpanKind.PART),))


Body = PlainBody | QuotedPrintableBody | Base64Body


def read_body(raw: bytes, part: Part, newline: bytes) -> Body | None:
    """The part's body; None when its encoding is unknown or damaged. ``newline``: what ``line_end_of`` says of raw."""
    start, end = part.body_start, part.body_end
    match part.transfer_encoding:
        case "7bit" | "8bit" | "binary":
            return PlainBody(raw, start, end, newline)
        case "quoted-printable":
            return QuotedPrintableBody(raw, start, end, newline)
        case "base64":
            decoded = Base64Part.read(raw[start:end], newline)
            return Base64Body(raw, start, decoded) if decoded else None
    return None


def line_end_in(text: bytes, otherwise: bytes) -> bytes:
    """How the first line of a text ends, LF or CRLF; ``otherwise`` where there is no LF."""
    at = text.find(b"\n")
    if at < 0:
        return otherwise
    return b"\r\n" if text[at - 1 : at] == b"\r" else b"\n"


def line_end_of(raw: bytes) -> bytes:
    """How the lines of a message end: as its first one does, and in bare CR only where there is no LF at all."""
    return line_end_in(raw, b"") or (b"\r" if b"\r" in raw else b"\r\n")


def splice(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """``raw`` with ascending edits that do not overlap. Raises ValueError when they do."""
    pieces: list[bytes] = []
    position = 0
    for start, end, new, _ in edits:
        if not position <= start <= end:
            raise ValueError("edits overlap or are out of order")
        pieces += (raw[position:start], new)
        position = end
    if position > len(raw):
        raise ValueError("an edit lies beyond the end")
    pieces.append(raw[position:])
    return b"".join(pieces)


class _TakenOut:
    """What edits take out of lines without fail: so much more room there is for those before them in the same line,
    since a second rewriting would find it there."""

    def __init__(self, edits: Sequence[BodyEdit], raw: bytes, newline: bytes, base: int) -> None:
        shorter = [
            edit
            for edit in edits
            if len(edit.new) < edit.end - edit.start and raw.find(newline, base + edit.start, base + edit.end) < 0
        ]
        self.is_any = bool(shorter)
        self._starts = [edit.start for edit in shorter]
        self._octets = [0, *accumulate(edit.end - edit.start - len(edit.new) for edit in shorter)]

    def between(self, start: int, end: int) -> int:
        """How many octets edits make a stretch of one line shorter by."""
        if not self.is_any:
            return 0
        return self._octets[bisect_left(self._starts, end)] - self._octets[bisect_left(self._starts, start)]


def _rest_of_line(
    breaks: Sequence[BodyEdit], taken_out: _TakenOut, edit: BodyEdit, line_end: int, newline: bytes
) -> int:
    """How many octets of the line stand behind an edit: up to its end, or to an edit that is going to break it there.

    What a first rewriting leaves for want of room must not find room in a second one.
    """
    for coming in breaks:
        if edit.end <= coming.start <= line_end and coming is not edit:
            first, *_, last = coming.new.split(newline)
            behind = line_end - coming.end - taken_out.between(coming.end, line_end)
            if len(last) + behind <= LONGEST_LINE:  # else it is not put in
                return coming.start - edit.end - taken_out.between(edit.end, coming.start) + len(first)
    return line_end - edit.end - taken_out.between(edit.end, line_end)


def _line_end(raw: bytes, newline: bytes, position: int) -> int:
    at = raw.find(newline, position)
    return len(raw) if at < 0 else at
