"""Where the parts of a message lie: raw bytes to offsets, linear in size, nothing decoded, nothing built.

Decides which bytes are header, boundary and body (RFC 2046 section 5.1), and refuses to guess: where programs read
a structure differently, or may not have all of it (no boundary at all, none that closes, one reused inside itself or
with words behind it; lines in the message's header that are no fields) the answer is a ``Reason``. What every program
reads alike is no doubt: an inner multipart also ends where the outer one goes on (section 5.1.2). A part whose own
header is in doubt is opaque: nobody edits it, and its neighbours are what they are. Knows nothing of what the parts are
good for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.records import Reason
from relay.rewriting.header_fields import (
    HeaderBlock,
    HeaderField,
    after_mbox_line,
    is_cr_only,
    read_header_block,
    read_known_fields,
)
from relay.rewriting.media_type import HeaderValue, read_media_type, read_word

# Beyond these nobody wrote the mail by hand or with a mail program; Exchange stops at 250 parts and depth 30.
MOST_PARTS = 1000
DEEPEST = 30
LONGEST_HEADER = 1024 * 1024
_LONGEST_BOUNDARY = 4096  # RFC 2046 allows 70

# How programs that mean 7bit or 8bit have spelled it; who does not know the word shows the bytes as they are, too.
_PLAIN_ENCODING = re.compile(r"[78][ _-]?bits?|none")
_TEXT_PLAIN = HeaderValue("text/plain")
_OPAQUE = HeaderValue("application/octet-stream")
_MESSAGE = HeaderValue("message/rfc822")


@dataclass(frozen=True, slots=True)
class Part:
    """One part. ``path`` holds its place in each level from the top: (1, 2) is ``1.2``; the top multipart is ()."""

    path: tuple[int, ...]
    header: HeaderBlock
    media_type: HeaderValue
    disposition: HeaderValue | None
    transfer_encoding: str
    body_start: int
    body_end: int  # before the line end that belongs to the next boundary
    parent: Part | None = None

    @property
    def kind(self) -> str:
        return self.media_type.kind

    @property
    def is_multipart(self) -> bool:
        return self.kind.startswith("multipart/")

    @property
    def number(self) -> str:
        """As in IMAP (RFC 9051 section 6.4.5): the only part of a message is ``1``."""
        return ".".join(map(str, self.path)) or "1"


@dataclass(slots=True)
class _Open:
    """A multipart whose closing boundary has not come yet."""

    part: Part
    delimiter: bytes
    next_at: int  # of the line end before the delimiter; -1: none any more
    children: int = 0


def find_parts(raw: bytes) -> tuple[Part, ...] | Reason:
    """All parts in reading order, multiparts before their children; else MALFORMED or TOO_COMPLEX.

    The top part comes first. ``message/rfc822`` is a leaf: an attached message is never looked into.
    """
    start = after_mbox_line(raw)
    top = _read_part(raw, start, len(raw), (), None)
    if isinstance(top, Reason):
        return top
    parts = [top]
    if top.is_multipart:
        doubt = _Walk(raw, parts).descend(top)
        if doubt:
            return doubt
    return tuple(parts)


class _Walk:
    """One pass over the boundaries. Each open multipart knows where its next delimiter stands."""

    def __init__(self, raw: bytes, parts: list[Part]) -> None:
        self._raw = raw
        self._parts = parts
        self._newline = b"\r" if is_cr_only(raw, 0, len(raw)) else b"\n"
        self._stack: list[_Open] = []
        self._alike: set[int] = set()  # lines that begin like a delimiter and are none, until they prove another's

    def descend(self, top: Part) -> Reason | None:
        doubt = self._open(top)
        while self._stack and not doubt:
            doubt = self._step()
        return doubt or (Reason.MALFORMED if self._alike else None)

    def _open(self, part: Part) -> Reason | None:
        try:
            boundary = part.media_type.certain("boundary")
        except ValueError:
            return Reason.MALFORMED
        if not boundary or part.transfer_encoding not in ("7bit", "8bit", "binary"):
            return Reason.MALFORMED
        if len(self._stack) >= DEEPEST:
            return Reason.TOO_COMPLEX
        delimiter = b"--" + boundary.rstrip().encode("latin-1")
        if any(delimiter == entry.delimiter for entry in self._stack):
            return Reason.MALFORMED
        if self._newline == b"\n" and self._has_bare_cr_before(delimiter, part):
            return Reason.MALFORMED
        # The delimiter may follow the header's blank line at once: its line end is then that line's own.
        entry = _Open(part, delimiter, 0)
        self._find_next(entry, part.body_start - 1)
        self._stack.append(entry)
        return None

    def _has_bare_cr_before(self, delimiter: bytes, part: Part) -> bool:
        return _find(self._raw, b"\r" + delimiter, part.body_start, part.body_end) >= 0

    def _find_next(self, entry: _Open, position: int) -> None:
        """The next line that is this delimiter, closing or not. Lines that only begin so must be another's."""
        raw, end = self._raw, entry.part.body_end
        at = max(position, 0) - 1
        while True:
            at = _find(raw, self._newline + entry.delimiter, at + 1, end)
            if at < 0 or self._line(at + 1)[0] in (entry.delimiter, entry.delimiter + b"--"):
                break
            self._alike.add(at)
            if len(self._alike) > MOST_PARTS:
                at = -1
                break
        entry.next_at = at

    def _line(self, start: int) -> tuple[bytes, int]:
        """The line without white space at its end, and where the next one begins."""
        raw = self._raw
        end = raw.find(self._newline, start)
        end = len(raw) if end < 0 else end
        return raw[start : min(end, start + _LONGEST_BOUNDARY)].rstrip(b" \t\r"), min(end + 1, len(raw))

    def _step(self) -> Reason | None:
        """Take the innermost multipart's next delimiter; it ends at the latest where the outer one goes on."""
        entry = self._stack[-1]
        at = entry.next_at
        if at < 0:
            return self._end_without_boundary(entry)
        line, after = self._line(at + 1)
        self._alike.discard(at)
        self._find_next(entry, at + 1)
        if line == entry.delimiter:
            return self._child(entry, after)
        self._stack.pop()
        return self._if_childless(entry)

    def _end_without_boundary(self, entry: _Open) -> Reason | None:
        self._stack.pop()
        if not self._stack:
            return Reason.MALFORMED  # no closing boundary: the message may have been cut off
        if any(outer.delimiter.startswith(entry.delimiter) for outer in self._stack):
            return Reason.MALFORMED  # who compares only the beginnings of lines still takes the outer ones for its own
        return self._if_childless(entry)

    def _if_childless(self, entry: _Open) -> Reason | None:
        """Doubt when the whole message is to have parts and has none: some show it as text, others nothing."""
        return None if entry.children or self._stack else Reason.MALFORMED

    def _child(self, entry: _Open, start: int) -> Reason | None:
        entry.children += 1
        path = (*entry.part.path, entry.children)
        end = self._before_line_end(entry.next_at, start) if entry.next_at >= 0 else max(entry.part.body_end, start)
        part = _read_part(self._raw, start, end, path, entry.part)
        if isinstance(part, Reason):
            return part
        self._parts.append(part)
        if len(self._parts) > MOST_PARTS:
            return Reason.TOO_COMPLEX
        return self._open(part) if part.is_multipart else None

    def _before_line_end(self, newline_at: int, lowest: int) -> int:
        # The CRLF before a delimiter belongs to it. Directly behind the part's header it is the header's own.
        end = newline_at
        if self._newline == b"\n" and end > lowest and self._raw[end - 1] == 13:
            end -= 1
        return max(end, lowest)


def _find(raw: bytes, wanted: bytes, start: int, end: int) -> int:
    """``raw.find``. For five octets Python has a quicker way than for more, and what they find is most often it."""
    at = raw.find(wanted[:5], start, end)
    return at if at < 0 or raw.startswith(wanted, at, end) else raw.find(wanted, at, end)


def _read_part(raw: bytes, start: int, end: int, path: tuple[int, ...], parent: Part | None) -> Part | Reason:
    # The blank line may be the very line end that belongs to the delimiter: then the body is empty.
    limit = min(_over_line_end(raw, end), start + LONGEST_HEADER)
    block = read_header_block(raw, start, limit)
    header_only = parent is None and limit == len(raw)
    if block is None or not (block.has_blank_line or header_only):
        if limit - start == LONGEST_HEADER:
            return Reason.TOO_COMPLEX
        return Reason.MALFORMED if parent is None else _opaque_part(raw, start, end, path, parent)
    named = block.named
    media_type = _media_type(raw, named("content-type"), in_digest=parent is not None and _is_digest(parent))
    encoding = _transfer_encoding(raw, named("content-transfer-encoding"))
    if media_type is None or encoding is None:
        return Reason.MALFORMED
    if (not block.has_blank_line or block.body_start > end) and media_type.kind.startswith("text/"):
        # What would be put into its body would stand in its header, or before the delimiter in that one's line.
        media_type = _OPAQUE
    disposition = _disposition(raw, named("content-disposition"))
    body_start = min(block.body_start, _over_line_end(raw, end))
    return Part(path, block, media_type, disposition, encoding, body_start, max(end, body_start), parent)


def _opaque_part(raw: bytes, start: int, end: int, path: tuple[int, ...], parent: Part) -> Part | Reason:
    """A part whose header has no end, or lines in it that are no fields: left alone, whatever it is; but it must be
    neither more parts nor the HTML that was to be tracked."""
    block = read_known_fields(raw, start, end)
    kinds = [_read_type(raw, field) for field in block.named("content-type")]
    if any(kind.kind.startswith("multipart/") or kind.kind == "text/html" for kind in kinds) or is_cr_only(
        raw, start, end
    ):
        return Reason.MALFORMED
    # A signature stays one, so that the message is known to be signed.
    media_type = kinds[0] if kinds and kinds[0].kind.startswith("application/") else _OPAQUE
    return Part(path, block, media_type, None, "7bit", end, end, parent)


def _is_digest(part: Part) -> bool:
    return part.kind == "multipart/digest"


def _media_type(raw: bytes, fields: list[HeaderField], *, in_digest: bool) -> HeaderValue | None:
    """None when several fields say different things."""
    if not fields:
        return _MESSAGE if in_digest else _TEXT_PLAIN
    if len(fields) > 1 and len({field.value(raw) for field in fields}) > 1:
        return None
    return _read_type(raw, fields[0])


def _read_type(raw: bytes, field: HeaderField) -> HeaderValue:
    # A type that cannot be read is text/plain (RFC 2045 section 5.2): nothing in it is ever touched.
    return read_media_type(field.value(raw)) or _OPAQUE


def _transfer_encoding(raw: bytes, fields: list[HeaderField]) -> str | None:
    if not fields:
        return "7bit"
    values = {field.value(raw).lower() for field in fields}
    if len(values) > 1:
        return None
    value = values.pop()
    word = read_word(value)
    if word is None or word.kind in ("7bit", "8bit", "binary"):
        return word.kind if word else ("8bit" if not value or _PLAIN_ENCODING.fullmatch(value) else value)
    # With anything behind the word some programs decode the body and others do not: then it is none that is known.
    if word.parameters or ";" in value:
        return value
    return "8bit" if _PLAIN_ENCODING.fullmatch(word.kind) else word.kind


def _disposition(raw: bytes, fields: list[HeaderField]) -> HeaderValue | None:
    """Of several the one that keeps us from touching the part."""
    found = [value for field in fields if (value := read_word(field.value(raw))) is not None]
    return next((value for value in found if value.kind != "inline"), found[0] if found else None)


def _over_line_end(raw: bytes, position: int) -> int:
    if raw[position : position + 2] == b"\r\n":
        return position + 2
    return position + 1 if raw[position : position + 1] in (b"\r", b"\n") else position
