"""Messages that the upstream accepted while their client was gone before it could hear so.

The client will send the same octets again. For a day that is answered with the upstream's earlier reply instead of a
second delivery. Only a digest is kept, and only of such messages; the clock is an argument.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

from relay.replies import Reply

KEPT_SECONDS = 24 * 3600.0
MOST = 10_000


class Digest(Protocol):
    """What has been digested so far; finished only when somebody has to compare."""

    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Resends:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._replies: OrderedDict[bytes, tuple[float, Reply]] = OrderedDict()

    def remember(self, digest: Digest, reply: Reply) -> None:
        self._replies[digest.digest()] = (self._clock() + KEPT_SECONDS, reply)
        while len(self._replies) > MOST:
            self._replies.popitem(last=False)

    def take(self, digest: Digest) -> Reply | None:
        """The reply nobody heard, once; None for a message that is not known."""
        if not self._replies:
            return None
        until, reply = self._replies.pop(digest.digest(), (0.0, None))
        return reply if until > self._clock() else None


def digest_of(login: str, envelope: Iterable[bytes]) -> Digest:
    """A digest that has taken in who sends and to whom; the content is to follow."""
    digest = hashlib.sha256(login.encode("utf-8", "surrogateescape"))
    for line in envelope:
        digest.update(b"\n")
        digest.update(line)
    digest.update(b"\n\n")
    return digest
