"""How hits add up: which number of which row grows, and when something first and last happened. Pure.

Counts stand in message, copy, link and hourly rows and are only ever changed by differences, since the hits that made
them may have been purged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import add
from typing import Any

from ledger.records import HitClass, HitKind
from ledger.schema import COLUMNS

HOUR = 3_600_000
NEVER = 2**62  # as "first", later than every time; as "last", 0 is before every time

OPENS, CLICKS = HitKind.OPEN.value, HitKind.CLICK.value
COLUMN_OF = {hit_class.value: hit_class.column for hit_class in HitClass}
COLUMN_NUMBER = {hit_class: COLUMNS.index(column) for hit_class, column in COLUMN_OF.items()}
CONFIRMED = COLUMNS.index("confirmed")


@dataclass(slots=True)
class Sums:
    """Differences for one row and one kind of hit: in the order of COLUMNS; first and last confirmed times."""

    counts: list[int] = field(default_factory=lambda: [0] * 4)
    first: int = NEVER
    last: int = 0
    last_hit: int = 0

    def add(self, column: int, at: int, amount: int) -> None:
        self.counts[column] += amount
        if amount < 0:
            return
        if at > self.last_hit:
            self.last_hit = at
        if column == CONFIRMED:
            if at < self.first:
                self.first = at
            if at > self.last:
                self.last = at

    def values(self) -> tuple[int, ...]:
        """Four counts, then first and last, then the last hit of any class."""
        return (*self.counts, self.first, self.last, self.last_hit)


class Tally:
    """The differences that one transaction makes, by what they are for."""

    def __init__(self) -> None:
        # By kind: of which message's copy and link; the message is the sum of its own.
        self.rows: dict[str, dict[tuple[int, int, int], Sums]] = {OPENS: defaultdict(Sums), CLICKS: defaultdict(Sums)}
        self._hours: dict[tuple[str, str, int], list[int]] = defaultdict(_of_no_hits)

    def add(
        self, message_seq: int, login: str, sender: str, kind: str, copy: int, link: int, hit_class: str, at: int,
        amount: int, charted: bool = True,
    ) -> None:  # fmt: skip
        """``amount`` 0 notes first and last times only, as a repeated view does; -1 takes one back and no time.
        ``charted``: False leaves the hours alone, as for a probe."""
        column = COLUMN_NUMBER[hit_class]
        self.rows[kind][message_seq, copy, link].add(column, at, amount)
        if amount and charted:
            place = column if kind == OPENS else column + len(COLUMNS)
            self._hours[login, sender, at - at % HOUR][place] += amount

    def hours(self) -> Iterator[tuple[Any, ...]]:
        """Login, sender, hour and the differences of both kinds; under empty words those of everybody together."""
        everybody: dict[int, list[int]] = {}
        for (login, sender, hour), counts in self._hours.items():
            if login or sender:
                yield login, sender, hour, *counts
            everybody[hour] = [*map(add, everybody[hour], counts)] if hour in everybody else counts
        for hour, counts in everybody.items():
            yield "", "", hour, *counts


def _of_no_hits() -> list[int]:
    return [0] * (2 * len(COLUMNS))
