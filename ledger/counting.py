"""How hits add up: which number of which row grows, and when something first and last happened. Pure.

Counts stand in message, copy, link and hourly rows and are only ever changed by differences, since the hits that made
them may have been purged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
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


# Differences for one row and one kind of hit: counts in the order of COLUMNS, the first and the last confirmed time,
# and the last of any class. A list, since thousands are begun a second, and a copy of one is the quickest beginning.
Sums = list[int]
_FIRST, _LAST, _LAST_HIT = range(len(COLUMNS), len(COLUMNS) + 3)
_NO_SUMS: Sums = [*(0 for _ in COLUMNS), NEVER, 0, 0]
_NO_HOUR = [0] * (2 * len(COLUMNS))


class Tally:
    """The differences that one transaction makes, by what they are for."""

    def __init__(self) -> None:
        # By kind: of which message's copy and link; the message is the sum of its own.
        self.rows: dict[str, dict[tuple[int, int, int], Sums]] = {
            kind: defaultdict(_NO_SUMS.copy) for kind in (OPENS, CLICKS)
        }
        self._hours: dict[tuple[str, str, int], list[int]] = defaultdict(_NO_HOUR.copy)

    def add(
        self, message_seq: int, login: str, sender: str, kind: str, copy: int, link: int, hit_class: str, at: int,
        amount: int, charted: bool = True,
    ) -> None:  # fmt: skip
        """``amount`` 0 notes first and last times only, as a repeated view does; -1 takes one back and no time.
        ``charted``: False leaves the hours alone, as for a probe."""
        column = COLUMN_NUMBER[hit_class]
        sums = self.rows[kind][message_seq, copy, link]
        sums[column] += amount
        if amount >= 0:
            if at > sums[_LAST_HIT]:
                sums[_LAST_HIT] = at
            if column == CONFIRMED:
                if at < sums[_FIRST]:
                    sums[_FIRST] = at
                if at > sums[_LAST]:
                    sums[_LAST] = at
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
