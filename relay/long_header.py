"""Cuts the control headers out of a header block that is too long to be read as a whole. Pure.

Nothing such a message asks for is heard, but what is addressed to us still stops here. Works on whole chunks of
dot-stuffed content, finds fields and not lines, and holds back at most the beginning of one line: a field is judged by
its name. What is not for us is passed over by one pattern: a chunk may hold fifty thousand fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

# A line that has no colon within so many octets (RFC 5322 section 2.1.1) begins no field.
LONGEST_NAME = 1000
# The upstream takes a leading dot away (RFC 5321 section 4.5.2). A line that begins with white space goes on with the
# field before it, and shares its fate.
_NAMED = rb"\.?((?:%s)[!-9;-~]{0,%d}+)[ \t]*+:"
_CONTINUED = rb"(?:\.?[ \t][^\n]*+\n)*"
_REST_OF_FIELD = re.compile(_CONTINUED)


@lru_cache(8)
def _patterns(beginnings: tuple[bytes, ...]) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """The beginning of a field that may be for us, and such a field as a whole."""
    named = _NAMED % (b"|".join(map(re.escape, beginnings)), LONGEST_NAME)
    whole = rb"^" + named + rb"[^\n]*+\n" + _CONTINUED
    return re.compile(named, re.IGNORECASE), re.compile(whole, re.IGNORECASE | re.MULTILINE)


class LongHeader:
    """``is_control`` judges a field's name in lower case; it is asked of names that begin like one of ``beginnings``.
    ``has_cut`` tells whether one was found so far."""

    def __init__(self, is_control: Callable[[str], bool], beginnings: tuple[bytes, ...]) -> None:
        self._beginning, self._field = _patterns(beginnings)
        self._is_control = lru_cache(64)(lambda name: is_control(name.decode("ascii").lower()))
        self._kept_back = b""
        self._is_cutting = False
        self._is_inside_line = False
        self._is_over = False
        self.has_cut = False

    def feed(self, content: bytes, ended: bool = False) -> bytes:
        """What is to go on of this chunk; ``ended``: there is none after it."""
        if self._is_over:
            return content
        data, self._kept_back = self._kept_back + content, b""
        at = 0
        if self._is_inside_line:
            at = data.find(b"\n") + 1 or len(data)
            self._is_inside_line = not data.endswith(b"\n", 0, at)
            if self._is_inside_line:
                return b"" if self._is_cutting else data
        first = b"" if self._is_cutting else data[:at]
        body = at if data.startswith(b"\r\n", at) else data.find(b"\n\r\n", at) + 1 or None
        self._is_over = body is not None
        end_of_lines = data.rfind(b"\n", at) + 1 or at if body is None else body
        fields = self._without_control(data[at:end_of_lines])
        return first + fields + self._rest(data[end_of_lines:], ended)

    def _without_control(self, lines: bytes) -> bytes:
        """Whole lines, less the control fields that begin or go on there."""
        match = _REST_OF_FIELD.match(lines) if self._is_cutting else None
        at, kept = match.end() if match is not None else 0, []
        if at == len(lines):
            return b""
        self._is_cutting = False
        for match in self._field.finditer(lines, at):
            if self._is_control(match[1]):
                kept.append(lines[at : match.start()])
                at = match.end()
                self.has_cut = True
                self._is_cutting = at == len(lines)
        kept.append(lines[at:])
        return b"".join(kept)

    def _rest(self, rest: bytes, ended: bool) -> bytes:
        """The body, or the beginning of a line."""
        if self._is_over or not rest:
            return rest
        if not ended and len(rest) < LONGEST_NAME:
            self._kept_back = rest
            return b""
        self._is_inside_line = True
        if not rest.startswith((b" ", b"\t", b". ", b".\t")):
            match = self._beginning.match(rest)
            self._is_cutting = match is not None and self._is_control(match[1])
        self.has_cut = self.has_cut or self._is_cutting
        return b"" if self._is_cutting else rest
