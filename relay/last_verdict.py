"""A session's last verdict, until its client shows that it has heard it (docs/decisions/0013).

A client that has said that it will say no more may be gone: its verdicts are kept for when their messages come again,
and forgotten when it turns out that it has listened to the end.
"""

from __future__ import annotations

from relay.client import Client
from relay.resends import Digest, Resends, Unheard


class LastVerdict:
    def __init__(self, client: Client, resends: Resends) -> None:
        self.unheard: Unheard | None = None  # none given, or the client went on after it
        self.kept: tuple[Digest, ...] = ()  # of this session
        self.expected: tuple[Digest, ...] = ()  # nobody knows whether their verdicts are heard
        self._client = client
        self._resends = resends

    def keep(self) -> None:
        """For when the message comes again, whatever the client has heard."""
        if self.unheard is not None:
            self._resends.remember(self.unheard)
            self.kept += (self.unheard.digest,)

    def expect(self, digest: Digest) -> None:
        """The client has left, or may have, and nobody knows yet whether it hears the verdict."""
        self._resends.expect(digest)
        self.expected += (digest,)

    def expect_still(self, digest: Digest) -> None:
        """If its client may have left, others wait for it from here on, as it waited for another."""
        if digest in self.expected:
            self._resends.expect(digest)

    def settle(self) -> None:
        """The session is over: what was to be kept of it is kept."""
        for digest in self.expected:
            self._resends.settle(digest)

    def keep_unconfirmed(self) -> None:
        """Keeps a verdict that cannot have been read, as the client's system has not confirmed it in all this time.

        A reset tells nothing of the kind: systems confirm some 40 ms late, and many programs read and then reset.
        """
        if self._client.is_unheard:
            self.keep()

    def client_left(self, error: Exception | None, has_listened: bool) -> None:
        """``has_listened``: to the end, having said before that it would say no more."""
        if error is None and has_listened:
            for digest in self.kept:
                self._resends.take(digest)
        elif error is not None and not isinstance(error, ConnectionError):  # lost on the way, not reset
            self.keep_unconfirmed()
        self.unheard = None
