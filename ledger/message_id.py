"""The id of a message: 16 bytes, written as a ULID (26 characters of Crockford's base32).

Decides how an id is made, written and read. Knows neither clock nor randomness: both are arguments.
The first 48 bits are the time in milliseconds, so that ids sort by age; the other 80 bits are random.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # ten bits at once: every hit has an id
_LETTERS = bytes(_ALPHABET[number % 32].encode("ascii")[0] for number in range(256))
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}

ID_BYTES = 16
TEXT_LENGTH = 26


@dataclass(frozen=True, slots=True, order=True)
class MessageId:
    """16 bytes; ``str()`` gives the ULID."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != ID_BYTES:
            raise ValueError(f"a message id has {ID_BYTES} bytes, not {len(self.raw)}")

    def __str__(self) -> str:
        number = int.from_bytes(self.raw, "big")
        return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(5 * (TEXT_LENGTH - 2), -1, -10)])


def mint_message_id(unix_milliseconds: int, random_bytes: bytes) -> MessageId:
    """An id for a message submitted at that time; ``random_bytes`` are 10 bytes from ``secrets``."""
    return MessageId((unix_milliseconds & (2**48 - 1)).to_bytes(6, "big") + random_bytes[:10])


def mint_text(unix_milliseconds: int, random_bytes: bytes) -> str:
    """A ULID as text, for what is never needed as bytes: hits. ``random_bytes`` are 16 bytes from ``secrets``, each of
    which chooses one of 32 letters."""
    return _time_letters(unix_milliseconds) + random_bytes.translate(_LETTERS).decode("ascii")


@lru_cache(maxsize=64)
def _time_letters(unix_milliseconds: int) -> str:
    return "".join([_PAIRS[(unix_milliseconds >> shift) & 1023] for shift in (40, 30, 20, 10, 0)])


def parse_message_id(text: str) -> MessageId | None:
    """The id written as a ULID (any case) or as 32 hexadecimal digits; None for anything else."""
    text = text.strip()
    if len(text) == 2 * ID_BYTES:
        try:
            return MessageId(bytes.fromhex(text))
        except ValueError:
            return None
    digits = [_VALUES.get(letter) for letter in text.upper()]
    if len(digits) != TEXT_LENGTH or None in digits:
        return None
    number = 0
    for digit in digits:
        number = number << 5 | (digit or 0)
    # 26 letters carry 130 bits; the two surplus ones must be zero (ULID spec: at most 7ZZZ…).
    return MessageId(number.to_bytes(ID_BYTES, "big")) if number < 2**128 else None
