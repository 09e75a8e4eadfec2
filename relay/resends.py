"""Messages that the upstream accepted while their client was gone before it could hear so.

The client will send the same octets again; that is answered with the upstream's earlier reply instead of a second
delivery. Octets that name themselves (Message-ID, or Date to the second) are the same message for a day. Octets that
do not may be sent anew on purpose, as a monitoring script does every quarter of an hour: they count as the same
message only for the minutes in which a client tries again. Who comes again before the first has its verdict waits for
it. Only a digest is kept, and only of such messages; the clock is an argument.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Final, NamedTuple, Protocol

from relay.replies import Reply

KEPT_SECONDS = 24 * 3600.0
KEPT_NAMELESS_SECONDS = 300.0
MOST = 10_000
# Of a message up to this size all is kept until it is clear that nobody has to compare, and nothing is digested; a
# session holds that much at most.
UNDIGESTED = 64 * 1024
_KEY: Final = os.urandom(32)


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def finalize(self) -> bytes: ...


class Digest:
    """Who sends, to whom, and the content, digested when somebody has to compare or too much of it has gathered.

    Poly1305 under a key that lives as long as the process and is known to nobody: eight times as fast as SHA-256. Two
    messages of 50 MB have the same value with a chance of 2^-80, whatever their sender does, because no value ever
    leaves the process. (Only who sees values made under one key could do something with them.)
    """

    __slots__ = ("_hash", "_octets", "_pieces", "_value")

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self._octets = 0
        self._hash: _Hash | None = None
        self._value = b""

    def update(self, content: bytes) -> None:
        self._pieces.append(content)
        self._octets += len(content)
        if self._octets > UNDIGESTED:
            self._take_in()

    def digest(self) -> bytes:
        """After that nothing can be added."""
        self._value = self._value or self._take_in().finalize()
        return self._value

    def _take_in(self) -> _Hash:
        hash_ = self._hash = self._hash or _new_hash()
        for piece in self._pieces:
            hash_.update(piece)
        self._pieces.clear()
        self._octets = 0
        return hash_


def _new_hash() -> _Hash:
    # 7 MB of a whole library of ciphers, which an idle relay can do without.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256, Hash  # noqa: PLC0415
    from cryptography.hazmat.primitives.poly1305 import Poly1305  # noqa: PLC0415

    try:
        return Poly1305(_KEY)
    except UnsupportedAlgorithm:  # by an OpenSSL in FIPS mode
        return Hash(SHA256())


class Unheard(NamedTuple):
    """A verdict, the digest of its message, and whether that message names itself."""

    digest: Digest
    reply: Reply
    is_named: bool


class Resends:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._replies: OrderedDict[bytes, tuple[float, Reply]] = OrderedDict()
        # Of the same octets several may be under way: each of them as an object of its own, in the order of leaving.
        self._undecided: dict[bytes, dict[Digest, asyncio.Future[None]]] = {}

    def expect(self, digest: Digest) -> None:
        """Its client has left, or may have, and whether it has heard the verdict is not known; until ``settle`` of this
        very digest."""
        undecided = self._undecided.setdefault(digest.digest(), {})
        if digest not in undecided:
            undecided[digest] = asyncio.get_running_loop().create_future()

    def settle(self, digest: Digest) -> None:
        """What became of it is remembered, or need not be."""
        undecided = self._undecided.get(digest.digest(), {})
        settled = undecided.pop(digest, None)
        if settled is not None:
            settled.set_result(None)
            if not undecided:
                del self._undecided[digest.digest()]

    def is_expected(self, digest: Digest, of_this_session: Iterable[Digest]) -> bool:
        """Whether the same octets are under way for another client that is gone.

        A session for whose other messages somebody may wait waits for nobody: else two could wait for each other, or
        one for itself.
        """
        if not self._undecided or not all(digest is one for one in of_this_session):
            return False
        return bool(self._before(digest))

    async def settled(self, digest: Digest, seconds: float) -> None:
        """Waits, so long at most, until it is known of all whose clients had left before this one's what they heard.

        Any of them may be the first try of this one. Who leaves later is not waited for: no two wait for each other.
        """
        before = self._before(digest)
        if before:
            await asyncio.wait(before, timeout=seconds)

    def _before(self, digest: Digest) -> list[asyncio.Future[None]]:
        undecided = self._undecided.get(digest.digest(), {})
        return [undecided[one] for one in takewhile(lambda one: one is not digest, undecided)]

    def remember(self, unheard: Unheard) -> None:
        seconds = KEPT_SECONDS if unheard.is_named else KEPT_NAMELESS_SECONDS
        self._replies[unheard.digest.digest()] = (self._clock() + seconds, unheard.reply)
        while len(self._replies) > MOST:
            self._replies.popitem(last=False)

    def take(self, digest: Digest) -> Reply | None:
        """The reply nobody heard, once; None for a message that is not known."""
        if not self._replies:
            return None
        until, reply = self._replies.pop(digest.digest(), (0.0, None))
        return reply if until > self._clock() else None


def names_itself(lowered_header: bytes) -> bool:
    """Whether a header block in lower case has what no second message has."""
    return (
        lowered_header.find(b"\nmessage-id:") != -1
        or lowered_header.find(b"\ndate:") != -1
        or lowered_header.startswith((b"message-id:", b"date:"))
    )


def digest_of(login: str, envelope: Iterable[bytes]) -> Digest:
    """A digest of who sends and to whom; the content is to follow."""
    return Digest([b"\n".join((login.encode("utf-8", "surrogateescape"), *envelope, b"", b""))])
