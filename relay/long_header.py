"""Cuts the control headers out of a header block that is too long to be read as a whole. Pure.

Nothing such a message asks for is heard, but what is addressed to us still stops here. Works on whole chunks of
dot-stuffed content and holds back at most the beginning of one line: a field is judged by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# A line that has no colon within so many octets (RFC 5322 section 2.1.1) begins no field.
LONGEST_NAME = 1000
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")


class LongHeader:
    """``is_control`` judges a field's name in lower case; ``has_cut`` tells whether one was found so far."""

    def __init__(self, is_control: Callable[[str], bool]) -> None:
        self._is_control = is_control
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
        kept, position = [], 0
        while position < len(data):
            if not self._is_inside_line:
                if data.startswith(b"\r\n", position):
                    self._is_over = True
                    kept.append(data[position:])
                    break
                beginning = data[position : position + LONGEST_NAME]
                if not ended and len(beginning) < LONGEST_NAME and b"\n" not in beginning:
                    self._kept_back = beginning
                    break
                self._judge(beginning)
            line_end = data.find(b"\n", position) + 1
            if not self._is_cutting:
                kept.append(data[position : line_end or len(data)])
            self._is_inside_line = not line_end
            position = line_end or len(data)
        return b"".join(kept)

    def _judge(self, beginning: bytes) -> None:
        """Whether the line that begins so is cut. The upstream takes a leading dot away (RFC 5321 section 4.5.2)."""
        unstuffed = beginning.removeprefix(b".")
        if unstuffed.startswith((b" ", b"\t")):
            return  # it goes on with the field before it, and shares its fate
        match = _NAME.match(unstuffed)
        self._is_cutting = match is not None and self._is_control(match[1].decode("ascii").lower())
        self.has_cut = self.has_cut or self._is_cutting
