"""Whether a session's client has heard its verdicts (docs/decisions/0013).

It has heard what its system has confirmed, and whatever came before it went on. What is not clear while the session
lasts is decided when that ends; until then, others with the same octets wait.
"""

from __future__ import annotations

import errno

from relay.client import Client
from relay.resends import Digest, Resends, Unheard


class LastVerdict:
    def __init__(self, client: Client, resends: Resends) -> None:
        self.unheard: Unheard | None = None  # none given, or it is clear that it was heard
        self.expected: list[Digest] = []  # nobody knows yet whether their verdicts are heard
        self._in_question: list[Unheard] = []  # given to a client that may be gone
        self._client = client
        self._resends = resends

    @property
    def is_in_question(self) -> bool:
        """Whether it is worth waiting for what the client's system says to it."""
        return bool(self._in_question)

    def given(self, unheard: Unheard, may_be_gone: bool) -> None:
        self.unheard = unheard if unheard.reply.is_positive else None
        if self.unheard is None:
            self._settle(unheard.digest)
        elif may_be_gone:
            self._question()

    def expect(self, digest: Digest) -> None:
        """The client has left, or may have, and nobody knows yet whether it hears the verdict."""
        if digest not in self.expected:
            self._resends.expect(digest)
            self.expected.append(digest)

    def more_is_said(self) -> None:
        """What the client's system does not confirm from here on may be that, and what it refuses as well."""
        if self._in_question:
            self._answer_question(is_heard=not self._client.is_reset)
        elif self.unheard is not None and not self._client.is_unheard:
            self.unheard = None

    def client_ends(self) -> None:
        """It says no more. What its system had not confirmed by then has crossed with that, and may find it gone."""
        if self._client.is_encrypted:  # TLS knows no half-closed connections: who ends it hears nothing more
            self.keep_unconfirmed()
        elif self.unheard is not None and self._client.is_unheard:
            self._question()

    def keep_unconfirmed(self) -> None:
        """Keeps a verdict that cannot have been read, as the client's system has not confirmed it in all this time."""
        if self.unheard is not None and self._client.is_unheard:
            self._resends.remember(self.unheard)
        self.unheard = None

    def client_left(self, error: Exception | None) -> None:
        """Keeps what cannot have been heard, for when the message comes again.

        A reset alone tells nothing: systems confirm some 40 ms late, and many programs read and then reset.
        """
        if error is not None and not _is_reset(error):  # lost on the way
            self.keep_unconfirmed()
        if self._in_question:
            self._answer_question(is_heard=not self._client.is_unheard)
        self.unheard = None

    def settle(self) -> None:
        """The session is over: what was to be kept of it is kept."""
        for digest in tuple(self.expected):
            self._settle(digest)

    def _settle(self, digest: Digest) -> None:
        if digest in self.expected:
            self._resends.settle(digest)
            self.expected.remove(digest)

    def _question(self) -> None:
        if self.unheard is not None:
            self._in_question.append(self.unheard)
            self.expect(self.unheard.digest)
            self.unheard = None

    def _answer_question(self, is_heard: bool) -> None:
        for one in self._in_question:
            if not is_heard:
                self._resends.remember(one)
            self._settle(one.digest)
        self._in_question.clear()


def _is_reset(error: Exception) -> bool:
    return isinstance(error, ConnectionError) or (isinstance(error, OSError) and error.errno == errno.ENOTCONN)
