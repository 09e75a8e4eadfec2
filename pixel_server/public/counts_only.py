"""Messages that are counted only (``[tracking] identity = "aggregate"``): from a judged hit to numbers of a day.

What is stored is a message, a day, a kind, a link, a class and a number. Who looked is remembered in memory for
``[hits] repeat`` at most, as a hash with a salt of the day, so that looking again is not counted again; that a class
changed within the window makes one number smaller and another larger. Clock and ids are arguments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from ledger.records import DayCount, Hit, Verdict

REMEMBERED = 50_000
_View = tuple[bytes, str, int, str, str]


class AnonymousCounts:
    """``repeat``: within it the same visitor's further views of the same kind and column are not counted."""

    def __init__(self, repeat: timedelta, remembered: int = REMEMBERED) -> None:
        self._repeat = repeat.total_seconds()
        self._remembered = remembered
        self._views: OrderedDict[_View, float] = OrderedDict()

    def count(self, hit: Hit, at: datetime, visitor: str) -> DayCount | None:
        """What the hit counts; None when its visitor just looked again. ``visitor`` is a fingerprint."""
        day = at.replace(hour=0, minute=0, second=0, microsecond=0)
        one = DayCount(hit.message, day, hit.kind, hit.link, hit.verdict.hit_class)
        return one if self._is_new(one, visitor, at.timestamp()) else None

    def forget(self, now: float) -> None:
        """To be called now and then: whose views would count again is not remembered."""
        while self._views and abs(now - next(iter(self._views.values()))) >= self._repeat:
            self._views.popitem(last=False)

    def _is_new(self, one: DayCount, visitor: str, at: float) -> bool:
        key = one.message.raw, one.kind.value, one.link, one.hit_class.column, visitor
        last = self._views.get(key)
        if last is not None and abs(at - last) < self._repeat:  # the clock may have been set back
            return False
        self._views[key] = at
        self._views.move_to_end(key)
        if len(self._views) > self._remembered:
            self._views.popitem(last=False)
        return True


class CountedHits:
    """What hits counted as that left no row, by their ids, for as long as their verdicts may change: until they are
    forgotten."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._counts: OrderedDict[str, DayCount] = OrderedDict()

    def note(self, hit_id: str, count: DayCount) -> None:
        self._counts[hit_id] = count
        if len(self._counts) > self._remembered:
            self._counts.popitem(last=False)

    def forget(self, hit_ids: Iterable[str]) -> None:
        for hit_id in hit_ids:
            self._counts.pop(hit_id, None)

    def moved(self, verdicts: Iterable[tuple[str, Verdict]]) -> list[DayCount]:
        """What is to be counted now that these are their verdicts: one less here, one more there."""
        counts = []
        for hit_id, verdict in verdicts:
            one = self._counts.get(hit_id)
            if one is not None and one.hit_class != verdict.hit_class:
                self._counts[hit_id] = replace(one, hit_class=verdict.hit_class)
                counts += [replace(one, number=-1), self._counts[hit_id]]
        return counts
