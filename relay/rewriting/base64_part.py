"""Base64 parts (RFC 2045 section 6.8): strict decoding, and encoding again in the part's own habit.

Decides whether the text is base64 that every decoder reads alike; a stray character, words after the padding or a
letter too many make it doubtful: None. Padding that was forgotten leaves no doubt.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64

from relay.rewriting.possessive_groups import compiled

_TEXT = compiled(rb"(\s*+)([A-Za-z0-9+/]*+(?:\s++[A-Za-z0-9+/]++)*+(?:\s*+=){0,2})(\s*+)")
_LINE = re.compile(rb"([A-Za-z0-9+/=]*+)(\r\n|\n|\r)")
_USUAL_LINE = 76
_LONGEST_LINE = 998  # RFC 5322 section 2.1.1


class Base64Part:
    """One base64 body. ``decoded`` are its bytes."""

    def __init__(self, encoded: bytes, decoded: bytes, newline: bytes) -> None:
        self._encoded = encoded
        self._newline = newline
        self.decoded = decoded
        self.length = len(encoded)

    @classmethod
    def read(cls, encoded: bytes, newline: bytes = b"\r\n") -> Base64Part | None:
        """None where not every decoder reads the same; ``newline`` is for a text that has no line end of its own."""
        match = _TEXT.fullmatch(encoded)
        if match is None:
            return None
        text = b"".join(match[2].split())
        if len(text) % 4 in (2, 3) and not text.endswith(b"="):
            text += b"=" * (-len(text) % 4)
        if len(text) % 4:
            return None
        try:
            return cls(encoded, a2b_base64(text, strict_mode=True) if text else b"", newline)
        except Error:
            return None

    def encode(self, decoded: bytes) -> bytes:
        """Other bytes with the same white space round them, line length and line end."""
        match = _TEXT.fullmatch(self._encoded)
        assert match is not None
        before, text, after = match.groups()
        line = _LINE.match(text)
        width, newline = (len(line[1]), line[2]) if line else (_USUAL_LINE, self._first_line_end())
        if not 4 <= width <= _LONGEST_LINE:
            width = _USUAL_LINE
        flat = b2a_base64(decoded, newline=False)
        lines = [flat[at : at + width] for at in range(0, len(flat), width)]
        return before + newline.join(lines) + after

    def _first_line_end(self) -> bytes:
        match = re.search(rb"\r\n|\n|\r", self._encoded)
        return match[0] if match else self._newline
