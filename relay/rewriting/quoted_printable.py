"""Quoted-printable (RFC 2045 section 6.7): decoding with a way back from decoded offsets to encoded ones.

Decides how an edit of the decoded bytes looks in the encoded ones: only the encoded bytes of the edited span are
replaced, and new soft line breaks stand round and inside what is new, so that no line passes 76 characters which did
not before. Every other byte, soft breaks and odd spellings included, stays.
"""

from __future__ import annotations

import re
from binascii import a2b_qp

from relay.rewriting.possessive_groups import compiled

LONGEST_LINE = 998  # RFC 5322 section 2.1.1
_SHORT_LINE = 76
_EQUALS, _DOT, _LINE_FEED = b"=.\n"
_PRINTABLE = bytes(range(0x20, 0x7F))
_ESCAPED = re.compile(rb"[^ -<>-~]")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_NO_MARKS = bytes(octet for octet in range(0x100) if octet not in b"=\r")
_SOFT_BREAK = re.compile(rb"=\r?\n")
_LAST_SOFT_BREAK = compiled(rb"(?:=[ \t]*+(?:\r\n|\n|\r|\Z))++\Z")
_SOFT_BREAK_BEFORE = re.compile(rb"=\r?\n\Z")
_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2})|=[ \t]*+(?:\r\n|\n|\r|\Z)")


class QuotedPrintable:
    """One quoted-printable body: ``decoded`` are its bytes, ``encoded_span`` leads back. Lines end in ``newline``."""

    def __init__(self, encoded: bytes, newline: bytes = b"\r\n") -> None:
        self._encoded = encoded
        self._newline = newline
        self._soft_break = b"=" + newline
        self._at = (0, 0)  # an encoded offset, and the decoded one that it stands for
        self.decoded = a2b_qp(encoded)
        self._is_odd = _is_odd(encoded, self.decoded)
        if self._is_odd:
            self.decoded = _ESCAPE.sub(_octet, encoded)
        # How much longer the encoded form is; not quite, since a stride that goes too far is in vain.
        self._spread = 0.9 * (len(encoded) / max(len(self.decoded), 1) - 1)

    def encoded_span(self, start: int, end: int) -> tuple[int, int]:
        """The encoded bytes that stand for ``decoded[start:end]``, without soft breaks round them."""
        if start == end == len(self.decoded):
            # Some encoders put a soft break behind a text that has no line end.
            last_break = _LAST_SOFT_BREAK.search(self._encoded, max(0, len(self._encoded) - 100))
            first = last_break.start() if last_break else len(self._encoded)
            return first, first
        if not self._is_odd:
            first = self._plain_offset(start, 8)
            if start == end:
                return first, first
            if end < len(self.decoded):
                behind = self._plain_offset(end, 1)  # most often a quote, which the span does not hold
                if self._encoded[behind - 1] != _LINE_FEED:
                    return first, behind
                self._at = (first, start)
            last = self._plain_offset(end - 1, 0)
            return first, last + (3 if self._encoded[last] == _EQUALS else 1)
        first = self._odd_offset(start)
        if start == end:
            return first, first
        last = self._odd_offset(end - 1)
        match = _ESCAPE.match(self._encoded, last)
        return first, (match.end() if match else last + 1)

    def without_soft_breaks(self, start: int, end: int, length: int) -> tuple[int, int]:
        """The span with the soft breaks round it, as far as one line has room for all without them."""
        before = _SOFT_BREAK_BEFORE.search(self._encoded, max(0, start - 3), start)
        first = before.start() if before else start
        after = _SOFT_BREAK.match(self._encoded, end)
        # A soft break at the very end of the text is never ours.
        last = after.end() if after and after.end() < len(self._encoded) else end
        for wide_start, wide_end in ((first, last), (start, last), (first, end)):
            rest = self._line_end(wide_end, len(self._encoded)) - wide_end
            if length + rest == 0 or self.column_of(wide_start) + length + rest <= _SHORT_LINE:
                return wide_start, wide_end
        return start, end

    def column_of(self, start: int) -> int:
        """How far into its line the encoded offset lies; beyond a thousand it is all the same."""
        lowest = start - 1100 if start > 1100 else 0
        line_start = self._encoded.rfind(b"\n", lowest, start) + 1
        if self._is_odd:
            line_start = max(line_start, self._encoded.rfind(b"\r", lowest, start) + 1)
        return start - (line_start or lowest)

    def encode(self, start: int, end: int, new: bytes, column: int) -> tuple[bytes, int] | None:
        """``new`` for ``encoded[start:end]`` with soft breaks where lines need them, and the column after it.

        ``column`` is where ``new`` begins, earlier edits of the line included. None when even a soft break would
        make a line longer that already has 998 characters, and when a line would have to end behind an "=" that stands
        for itself.
        """
        rest = self._line_end(end, min(len(self._encoded), end + 1100)) - end
        if start == end and rest == 0 and column >= LONGEST_LINE - 1:
            return None
        if new.translate(None, _PRINTABLE):
            *ended, new = (_ESCAPED.sub(_escape, line) for line in _LINE_END.split(new))
        else:
            ended, new = [], new.replace(b"=", b"=3D")
        written = b""
        for line in ended:
            written += _broken(line, column, self._soft_break)[0] + self._newline
            column = 0
        last, column = _broken(new, column, self._soft_break)
        written += last
        if self._is_odd and self._encoded[start - 1 : start] == b"=" and written.startswith((b"=", b"\r", b"\n")):
            return None
        if rest and column and column + rest > _SHORT_LINE:
            return written + self._soft_break, 0
        return written, column

    def _line_end(self, start: int, limit: int) -> int:
        """Where the line ends that ``start`` lies in, its line end left out; at the latest at ``limit``."""
        at = self._encoded.find(b"\n", start, limit)
        at = limit if at < 0 else at
        if self._is_odd:  # else every CR is a line end's first half
            carriage_return = self._encoded.find(b"\r", start, at)
            return at if carriage_return < 0 else carriage_return
        return at - 1 if at > start and self._encoded[at - 1] == 13 else at

    def _plain_offset(self, offset: int, letters: int) -> int:
        """Where the encoded form of the decoded byte at ``offset`` begins, behind any soft break.

        Where so many of the letters there stand next as they are written, that is most often the place. Else by
        counting: an octet is three bytes for one, a soft break two for none, or three with a CR. As many encoded bytes
        as are still missing are never too many, so each round goes the better part of the way; the first one goes as
        far as is likely from the whole body.
        """
        encoded = self._encoded
        position, decoded = self._at
        if decoded > offset:
            position = decoded = 0
        missing = offset - decoded
        if letters:
            end = encoded.find(self.decoded[offset : offset + letters], position + missing, position + 2 * missing + 8)
            is_between = end > 1 and _EQUALS not in encoded[end - 2 : end + 1]  # neither within an escape nor at one
            if is_between and len(a2b_qp(encoded[position:end])) == missing:  # takes half the time of counting
                self._at = (end, offset)
                return end
        stride = max(missing, min(missing + int(missing * self._spread), len(encoded) - position - 2))
        while missing:
            end = position + stride
            last = encoded[end - 1]
            if last == _EQUALS:  # an escape would be cut here
                end += 1 if encoded[end] == 10 else 2
            elif last != 10 and encoded[end - 2] == _EQUALS and end - 2 >= position:
                end += 1
            escapes = encoded.count(b"=", position, end)
            gained = end - position
            if escapes:
                gained -= 2 * escapes + encoded.count(b"=\r\n", position, end)
            if gained <= missing:
                missing -= gained
                position = end
            stride = missing
        self._at = (position, offset)
        while encoded.startswith((b"=\r\n", b"=\n"), position):
            position += 3 if encoded[position + 1] == 13 else 2
        return position

    def _odd_offset(self, offset: int) -> int:
        """The same by walking over the escapes, from where the last walk ended: edits come in order."""
        position, decoded = self._at if self._at[1] <= offset else (0, 0)
        for match in _ESCAPE.finditer(self._encoded, position):
            if offset - decoded < match.start() - position:
                break
            decoded += match.start() - position
            position = match.start()
            if match[1] is not None:
                if offset == decoded:
                    break
                decoded += 1
            position = match.end()
        self._at = (position, decoded)
        return position + offset - decoded


def _octet(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode("ascii")) if match[1] else b""


def _is_odd(encoded: bytes, decoded: bytes) -> bool:
    """Whether there is a bare CR, or an "=" that is neither an octet nor a soft break at a LF or CRLF: then the
    standard library's decoder and others differ, and the slower reading is used.

    That decoder keeps each such "=", so what it made is longer than it should be.
    """
    marks = encoded.translate(None, _NO_MARKS)  # with them alone counting takes no time
    escapes = marks.count(b"=")
    if len(marks) - escapes != encoded.count(b"\r\n"):
        return True
    return len(decoded) != len(encoded) - 2 * escapes - encoded.count(b"=\r\n")


def _broken(text: bytes, column: int, soft_break: bytes) -> tuple[bytes, int]:
    """Encoded text of one line, the first letter at ``column``, with soft breaks; and the column after it."""
    length = len(text)
    if column + length < _SHORT_LINE:
        return text, column + length
    pieces: list[bytes] = []
    position = 0
    # One column is kept for the "=" of a soft break.
    while position < length and (cut := position + _SHORT_LINE - 1 - column) < length:
        if cut < position + 3:
            pieces.append(b"")
            column = 0
            continue
        # Never cut through an "=3D".
        if text[cut - 1] == _EQUALS:
            cut -= 1
        elif text[cut - 2] == _EQUALS:
            cut -= 2
        elif text[cut] == _DOT and text[cut - 1] != _DOT:
            cut -= 3 if text[cut - 3] == _EQUALS else 1  # a dot at a line's beginning is precious to SMTP
        pieces.append(text[position:cut])
        column = 0
        position = cut
    pieces.append(text[position:])
    return soft_break.join(pieces), column + length - position


def _escape(match: re.Match[bytes]) -> bytes:
    return b"=%02X" % match[0][0]
