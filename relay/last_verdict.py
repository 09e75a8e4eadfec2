"""Whether a session's client has heard its verdicts (docs/decisions/0013).

It has heard what its system has confirmed, and in doubt the rest. What is not clear while the session lasts is decided
when that ends; until then, others with the same octets wait. Whose verdict is kept for another try is cut off, so that
it cannot hear it after all.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import NamedTuple

from relay.client import Client
from relay.resends import Digest, Resends, Unheard


class _Given(NamedTuple):
    unheard: Unheard
    said: int  # the octets said to the client by then, these included


class LastVerdict:
    def __init__(self, client: Client, resends: Resends) -> None:
        self.expected: list[Digest] = []  # nobody knows yet whether their verdicts are heard
        self._last: _Given | None = None  # none given, or it is clear that it was heard
        self._in_question: list[_Given] = []  # given to a client that may be gone
        self._client = client
        self._resends = resends

    @property
    def is_in_question(self) -> bool:
        """Whether it is worth waiting for what the client's system says to it."""
        return bool(self._in_question)

    def given(self, unheard: Unheard, may_be_gone: bool) -> None:
        self._last = _Given(unheard, self._client.said) if unheard.reply.is_positive else None
        if self._last is None:
            self._settle(unheard.digest)
        elif may_be_gone:
            self._question()

    def expect(self, digest: Digest) -> None:
        """The client has left, or may have, and nobody knows yet whether it hears the verdict."""
        if digest not in self.expected:
            self._resends.expect(digest)
            self.expected.append(digest)

    def client_goes_on(self) -> None:
        """It has sent more, as who has heard a verdict does."""
        self._last = None

    def more_is_said(self) -> None:
        """What the client's system refuses from here on may be that alone."""
        if self._in_question:
            is_reset = self._client.ask_for_reset()
            self._answer_questions(lambda given: not is_reset or self._is_confirmed(given))

    def client_ends(self) -> None:
        """It says no more. What its system had not confirmed by then has crossed with that, and may find it gone."""
        self.question_unconfirmed()
        if self._client.is_encrypted:  # such a connection cannot stay open to show what becomes of it
            self._answer_questions(self._is_confirmed)

    def question_unconfirmed(self) -> None:
        """The client is given up. If its system does not confirm the verdict now, either, nobody has read it."""
        if self._last is not None and self._is_confirmed(self._last):
            self._last = None  # what follows, as the end of TLS, cannot put that in doubt
        self._question()

    def client_left(self, error: Exception | None) -> None:
        """Keeps what cannot have been heard, for when the message comes again.

        A reset alone tells nothing: systems confirm some 40 ms late, and many programs read and then reset.
        """
        if error is not None and not _is_reset(error):  # lost on the way
            self.question_unconfirmed()
        self._answer_questions(self._is_confirmed)
        self._last = None

    def settle(self) -> None:
        """The session is over: what was to be kept of it is kept."""
        for digest in tuple(self.expected):
            self._settle(digest)

    def _is_confirmed(self, given: _Given) -> bool:
        """What is not confirmed is the last of what was said: the verdict is in it if that is more than came after."""
        unconfirmed = self._client.unconfirmed
        if unconfirmed is None:
            return not self._client.ask_for_reset()
        return unconfirmed <= self._client.said - given.said

    def _settle(self, digest: Digest) -> None:
        if digest in self.expected:
            self._resends.settle(digest)
            self.expected.remove(digest)

    def _question(self) -> None:
        if self._last is not None:
            self._in_question.append(self._last)
            self.expect(self._last.unheard.digest)
            self._last = None

    def _answer_questions(self, is_heard: Callable[[_Given], bool]) -> None:
        for one in self._in_question:
            if not is_heard(one):
                self._resends.remember(one.unheard)
                self._client.cut_off()
            self._settle(one.unheard.digest)
        self._in_question.clear()


def _is_reset(error: Exception) -> bool:
    return isinstance(error, ConnectionError) or (isinstance(error, OSError) and error.errno == errno.ENOTCONN)
