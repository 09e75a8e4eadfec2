"""How hits add up: which number of which row grows, and when something first and last happened. Pure.

Counts stand in message, copy, link and hourly rows and are only ever changed by differences, since the hits that made
them may have been purged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ledger.records import HitClass, HitKind
from ledger.schema import COLUMNS

HOUR = 3_600_000
NEVER = 2**62  # as "first", later than every time; as "last", 0 is before every time

OPENS, CLICKS = HitKind.OPEN.value, HitKind.CLICK.value
_PLACE = {
    (kind, hit_class.value): offset + COLUMNS.index(hit_class.column)
    for kind, offset in ((OPENS, 0), (CLICKS, 4))
    for hit_class in HitClass
}
COLUMN_OF = {hit_class.value: hit_class.column for hit_class in HitClass}


@dataclass(slots=True)
class Sums:
    """Differences for one row: opens and clicks in the order of COLUMNS; first and last confirmed times."""

    counts: list[int] = field(default_factory=lambda: [0] * 8)
    first_open: int = NEVER
    last_open: int = 0
    first_click: int = NEVER
    last_click: int = 0
    last_hit: int = 0

    def add(self, kind: str, hit_class: str, at: int, amount: int) -> None:
        place = _PLACE[kind, hit_class]
        self.counts[place] += amount
        if amount < 0:
            return
        if at > self.last_hit:
            self.last_hit = at
        if place == 0:
            self.first_open, self.last_open = min(self.first_open, at), max(self.last_open, at)
        elif place == 4:
            self.first_click, self.last_click = min(self.first_click, at), max(self.last_click, at)

    def values(self) -> tuple[int, ...]:
        """Eight counts, then first and last open, first and last click, last hit."""
        return (*self.counts, self.first_open, self.last_open, self.first_click, self.last_click, self.last_hit)


@dataclass(slots=True)
class Tally:
    """The differences that one transaction makes, by row."""

    messages: dict[int, Sums] = field(default_factory=dict)
    copies: dict[tuple[int, int], Sums] = field(default_factory=dict)
    links: dict[tuple[int, int], Sums] = field(default_factory=dict)
    hours: dict[tuple[str, str, int], list[int]] = field(default_factory=dict)

    def add(
        self, message_seq: int, login: str, sender: str, kind: str, copy: int, link: int, hit_class: str, at: int,
        amount: int, charted: bool = True,
    ) -> None:  # fmt: skip
        """``amount`` 0 notes first and last times only, as a repeated view does; -1 takes one back and no time.
        ``charted``: False leaves the hours alone, as for a probe."""
        _sums(self.messages, message_seq).add(kind, hit_class, at, amount)
        _sums(self.copies, (message_seq, copy)).add(kind, hit_class, at, amount)
        if link:
            _sums(self.links, (message_seq, link)).add(kind, hit_class, at, amount)
        if amount and charted:
            place = _PLACE[kind, hit_class]
            hour = at - at % HOUR
            self._hour(login, sender, hour)[place] += amount
            if login or sender:
                self._hour("", "", hour)[place] += amount

    def _hour(self, login: str, sender: str, hour: int) -> list[int]:
        key = (login, sender, hour)
        if key not in self.hours:
            self.hours[key] = [0] * 8
        return self.hours[key]


def _sums(rows: dict[Any, Sums], key: int | tuple[int, int]) -> Sums:
    if key not in rows:
        rows[key] = Sums()
    sums: Sums = rows[key]
    return sums
