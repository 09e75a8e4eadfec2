"""How long answers take where nothing is recorded: as long as others took, so that the time tells nobody whether a
token is a real one. Knows when a hit began and when it was answered; refuses to know why.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from pixel_server.public.answers import Answer
from pixel_server.public.requests import Asker

SAMPLE_EVERY_SECONDS = 0.005  # of a flood a part is measured: that costs each of them
REMEMBERED = 64
LONGEST_SECONDS = 0.05  # whoever guesses must not make us keep his requests for as long as a ledger in trouble does


class Timer(Protocol):
    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[Answer], None], argument: Answer, /) -> object: ...


class Pace:
    """``timer`` gives the event loop's."""

    def __init__(self, timer: Callable[[], Timer]) -> None:
        self._timer = timer
        self._took = deque([0.001], maxlen=REMEMBERED)  # the latest ones, in seconds
        self._next_sample = 0.0

    def measured(self, asker: Asker) -> Asker:
        """The asker of a hit that is recorded from here on; some of them are measured until they are answered."""
        timer = self._timer()
        now = timer.time()
        if now < self._next_sample:
            return asker
        self._next_sample = now + SAMPLE_EVERY_SECONDS
        return _Measured(asker, lambda: self._took.append(min(timer.time() - now, LONGEST_SECONDS)))

    def answer(self, asker: Asker, answer: Answer) -> None:
        """Answers after as long as one of the latest hits took: a mean would be longer than most."""
        if isinstance(asker, _Measured):  # what is paced is no measure for others
            asker = asker.asker
        self._took.rotate()
        self._timer().call_later(self._took[0], asker.answer, answer)


class _Measured:
    def __init__(self, asker: Asker, note: Callable[[], None]) -> None:
        self.asker = asker
        self._note = note

    def answer(self, answer: Answer) -> None:
        self._note()
        self.asker.answer(answer)
