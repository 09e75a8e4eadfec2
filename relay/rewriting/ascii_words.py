"""The runs of letters of an ASCII text, for looking quickly whether it holds one of many words. Pure.

As bytes, since what regular expressions take microseconds for is two calls there: nearly every link of every message is
looked at so.
"""

from __future__ import annotations

from collections.abc import Iterable

_LETTERS_ALONE = bytes(octet if chr(octet).islower() else 0x20 for octet in bytes(range(0x80)).lower()).ljust(256)
_LETTERS_AND_LINES = _LETTERS_ALONE[:10] + b"\n" + _LETTERS_ALONE[11:]


def ascii_words(text: str) -> list[bytes]:
    """The words in lower case. Raises UnicodeEncodeError for a text that is not ASCII."""
    return text.encode("ascii").translate(_LETTERS_ALONE).split()


def ascii_lines(text: str) -> tuple[list[bytes], list[bytes]]:
    """``ascii_words`` of the first line and of all that stands behind it, in one go."""
    first, _, rest = text.encode("ascii").translate(_LETTERS_AND_LINES).partition(b"\n")
    return first.split(), rest.split()


def in_ascii(words: Iterable[str]) -> frozenset[bytes]:
    """Those of the words that ``ascii_words`` can give."""
    return frozenset(word.encode("ascii") for word in words if word.isascii() and word.isalpha() and word.islower())
