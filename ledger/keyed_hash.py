"""HMAC-SHA256 with a key that is used thousands of times a second.

The two blocks that hold the key are hashed once and their states copied (RFC 2104 section 4), which halves the time;
and unlike ``hmac.digest`` it keeps the interpreter's lock, which a busy thread would have to win back at every token.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256

_BLOCK = 64  # bytes; RFC 2104 calls it B
_INNER = bytes(octet ^ 0x36 for octet in range(256))
_OUTER = bytes(octet ^ 0x5C for octet in range(256))


@lru_cache(maxsize=64)
def hmac_sha256(key: bytes) -> Callable[[bytes], bytes]:
    """The function that gives the 32 bytes of a message's HMAC-SHA256 under that key."""
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    copy_inner, copy_outer = sha256(block.translate(_INNER)).copy, sha256(block.translate(_OUTER)).copy

    def digest(message: bytes) -> bytes:
        inner, outer = copy_inner(), copy_outer()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    return digest
