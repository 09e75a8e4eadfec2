"""Answers where nothing is recorded take as long as those of hits did, whatever those had to ask for first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pixel_server.public.answers import NOT_FOUND, PIXEL, Answer
from pixel_server.public.pace import LONGEST_SECONDS, SAMPLE_EVERY_SECONDS, Pace


@dataclass
class Clock:
    """An event loop's time, and what it was asked to do later."""

    now: float = 100.0
    later: list[tuple[float, Callable[[Answer], None], Answer]] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[Answer], None], argument: Answer, /) -> None:
        self.later.append((round(delay, 6), callback, argument))


@dataclass
class Visitor:
    heard: list[Answer] = field(default_factory=list)

    def answer(self, answer: Answer) -> None:
        self.heard.append(answer)


def take(pace: Pace, clock: Clock, seconds: float) -> None:
    """A hit that is answered after so long."""
    visitor = Visitor()
    asker = pace.measured(visitor)
    clock.now += seconds
    asker.answer(PIXEL)
    assert visitor.heard == [PIXEL]
    clock.now += SAMPLE_EVERY_SECONDS


def paced(pace: Pace, clock: Clock) -> float:
    visitor = Visitor()
    pace.answer(visitor, NOT_FOUND)
    delay, callback, answer = clock.later.pop()
    assert not visitor.heard
    callback(answer)
    assert visitor.heard == [NOT_FOUND]
    return delay


def test_times_of_hits_are_given_back_one_after_the_other() -> None:
    clock = Clock()
    pace = Pace(lambda: clock)
    took = [0.002, 0.017, 0.004]
    for seconds in took:
        take(pace, clock, seconds)
    assert sorted(paced(pace, clock) for _ in range(4)) == [0.001, 0.002, 0.004, 0.017]


def test_what_is_paced_is_no_measure_for_others() -> None:
    clock = Clock()
    pace = Pace(lambda: clock)
    for _ in range(100):
        visitor = Visitor()
        pace.answer(pace.measured(visitor), PIXEL)
        delay, callback, answer = clock.later.pop()
        clock.now += delay + 0.01  # the loop is late
        callback(answer)
        assert visitor.heard == [PIXEL]
    assert paced(pace, clock) == 0.001


def test_nobody_waits_for_a_ledger_in_trouble_who_has_nothing_to_wait_for() -> None:
    clock = Clock()
    pace = Pace(lambda: clock)
    for _ in range(100):
        take(pace, clock, 0.3)
    assert paced(pace, clock) == LONGEST_SECONDS


def test_of_a_flood_a_part_is_measured() -> None:
    clock = Clock()
    pace = Pace(lambda: clock)
    visitors = [Visitor() for _ in range(5)]
    askers = [pace.measured(visitor) for visitor in visitors]
    assert [asker is visitor for asker, visitor in zip(askers, visitors, strict=True)] == [False, *[True] * 4]
