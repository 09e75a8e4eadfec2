"""Tokens of pixels, links and recipients' pages: minted when a mail is rewritten, verified when somebody asks.

A token is base64url without padding of 38 bytes:

    key id (2, big-endian) | message id (16) | copy (2) | link (2) | tag (16)

The tag is HMAC-SHA256 over purpose, those 22 bytes and the destination, cut to 128 bits (RFC 2104 section 5
allows half the output). Purpose and destination are bound in, so a pixel's token opens no link and a link's
token leads nowhere but to its own destination. Neither address nor host name is inside.

Pure: keys are arguments; garbage gives None, never an exception.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hmac import compare_digest
from struct import Struct
from typing import NamedTuple

from ledger.keyed_hash import hmac_sha256
from ledger.message_id import ID_BYTES, MessageId

TAG_BYTES = 16
HEAD_BYTES = 2 + ID_BYTES + 2 + 2
_FORM = Struct(f">H{ID_BYTES}sHH{TAG_BYTES}s")
TOKEN_LENGTH = 51  # 38 bytes in base64 without padding
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/!!")  # "!" is no letter of base64
_LAST_LETTERS = "AEIMQUYcgkosw048"  # the last one carries four bits of the tag, and two that must be zero
HIGHEST_NUMBER = 2**16 - 1  # copies and links are written in two bytes


class Purpose(StrEnum):
    """What a token is for; the letter is also the first segment of its URL's path."""

    PIXEL = "o"
    LINK = "c"
    PAGE = "p"


class Target(NamedTuple):
    """What a token names. ``copy`` 0 is the copy all recipients share; ``link`` 0 means no link."""

    message: MessageId
    copy: int = 0
    link: int = 0


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys there ever were; all of them verify, and the one with the highest id signs unless one is named."""

    keys: Mapping[int, bytes]
    signing_id: int | None = None

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("a key ring needs at least one key")
        if self.signing_id is not None and self.signing_id not in self.keys:
            raise ValueError(f"key {self.signing_id} cannot sign: it is not in the ring")

    def __repr__(self) -> str:
        return f"KeyRing(ids={sorted(self.keys)})"

    @property
    def current_id(self) -> int:
        return max(self.keys) if self.signing_id is None else self.signing_id


def mint(ring: KeyRing, purpose: Purpose, target: Target, destination: str = "") -> str:
    """The token for that target. ``destination`` is the exact Location of a link, empty for the others.

    Raises ValueError when copy or link do not fit into two bytes.
    """
    if not (0 <= target.copy <= HIGHEST_NUMBER and 0 <= target.link <= HIGHEST_NUMBER):
        raise ValueError(f"copy {target.copy} or link {target.link} is beyond {HIGHEST_NUMBER}")
    key_id = ring.current_id
    head = (
        key_id.to_bytes(2, "big") + target.message.raw + target.copy.to_bytes(2, "big") + target.link.to_bytes(2, "big")
    )
    tag = _tag(ring.keys[key_id], purpose, head, destination)
    return _encode(head + tag)


def mint_links(ring: KeyRing, message: MessageId, copy: int, links: Sequence[tuple[int, str]]) -> list[str]:
    """``mint`` for the many links of one copy, each given by number and destination; they are encoded in one go."""
    if not 0 <= copy <= HIGHEST_NUMBER:
        raise ValueError(f"copy {copy} is beyond {HIGHEST_NUMBER}")
    key_id = ring.current_id
    digest = hmac_sha256(ring.keys[key_id])
    start = key_id.to_bytes(2, "big") + message.raw + copy.to_bytes(2, "big")
    purpose = Purpose.LINK.value.encode("ascii")
    pieces: list[bytes] = []
    for number, destination in links:
        head = start + number.to_bytes(2, "big")  # raises OverflowError beyond HIGHEST_NUMBER
        tag = digest(purpose + head + destination.encode("utf-8", "surrogatepass"))[:TAG_BYTES]
        # With one octet more it is whole groups of three, so that the next token begins with a letter of its own.
        pieces += (head, tag, b"\0")
    letters = b2a_base64(b"".join(pieces), newline=False).translate(_URL_SAFE).decode("ascii")
    return [letters[at : at + TOKEN_LENGTH] for at in range(0, len(letters), TOKEN_LENGTH + 1)]


def read_unverified(token: str) -> tuple[int, Target] | None:
    """Key id and target that the token claims; None when it has not the form of a token.

    For asking the ledger for a destination, which is then verified, and for ``decode``.
    """
    raw = _decode(token)
    if raw is None:
        return None
    key_id, message, copy, link, _ = _FORM.unpack(raw)
    return key_id, Target(MessageId(message), copy, link)


def verify(ring: KeyRing, purpose: Purpose, token: str, destination: str = "") -> Target | None:
    """What the token names, if one of the keys made it for just this purpose and destination; else None."""
    raw = _decode(token)
    if raw is None:
        return None
    key_id, message, copy, link, tag = _FORM.unpack(raw)
    key = ring.keys.get(key_id)
    if key is None or not compare_digest(tag, _tag(key, purpose, raw[:HEAD_BYTES], destination)):
        return None
    return Target(_message_id(message), copy, link)


# Hits of one message come together, and taking one from here costs a third of making it.
_message_id = lru_cache(maxsize=1024)(MessageId)


def _tag(key: bytes, purpose: Purpose, head: bytes, destination: str) -> bytes:
    # One letter and a head of fixed length stand before the destination, so no two inputs run together.
    signed = purpose.encode("ascii") + head + destination.encode("utf-8", "surrogatepass")
    return hmac_sha256(key)(signed)[:TAG_BYTES]


def _decode(token: str) -> bytes | None:
    # One target has one spelling, any other is refused: strict_mode, since Python skips letters it does not know.
    if len(token) != TOKEN_LENGTH or not token.isascii() or token[-1] not in _LAST_LETTERS:
        return None
    try:
        return a2b_base64(token.encode("ascii").translate(_FROM_URL_SAFE) + b"=", strict_mode=True)
    except ValueError:
        return None


def _encode(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).translate(_URL_SAFE)[:TOKEN_LENGTH].decode("ascii")
