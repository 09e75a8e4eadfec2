"""Messages that are counted only (``[tracking] identity = "aggregate"``): from a judged hit to numbers of a day.

What leaves this module is a message, a day, a kind, a link, a class and a number. Who looked is remembered in memory
for ``[hits] repeat`` at most, as a hash with a salt of the day, so that looking again is not counted again; that a
class changed within the window makes one number smaller and another larger. Clock and ids are arguments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta

from ledger.records import DayCount, Hit, Verdict

REMEMBERED = 50_000
_View = tuple[bytes, str, int, str, str]


class AnonymousCounts:
    """``repeat``: within it the same visitor's further views of the same kind and column are not counted."""

    def __init__(self, repeat: timedelta, remembered: int = REMEMBERED) -> None:
        self._repeat = repeat.total_seconds()
        self._remembered = remembered
        self._counted: OrderedDict[str, tuple[DayCount, str]] = OrderedDict()
        self._views: OrderedDict[_View, float] = OrderedDict()

    def count(self, hit: Hit, at: datetime, visitor: str) -> DayCount | None:
        """What the hit counts; None when its visitor just looked again. ``visitor`` is a fingerprint."""
        day = at.replace(hour=0, minute=0, second=0, microsecond=0)
        one = DayCount(hit.message, day, hit.kind, hit.link, hit.verdict.hit_class)
        if not self._is_new(one, visitor, at.timestamp()):
            return None
        self._counted[hit.id] = one, visitor
        if len(self._counted) > self._remembered:
            self._counted.popitem(last=False)
        return one

    def move(self, changes: Iterable[tuple[str, Verdict]]) -> tuple[list[tuple[str, Verdict]], list[DayCount]]:
        """Changed verdicts of hits that have rows, as they came; of those that have none, what is to be counted."""
        others, counts = [], []
        for hit_id, verdict in changes:
            counted = self._counted.get(hit_id)
            if counted is None:
                others.append((hit_id, verdict))
                continue
            one, visitor = counted
            if one.hit_class != verdict.hit_class:
                moved = DayCount(one.message, one.day, one.kind, one.link, verdict.hit_class)
                counts += [DayCount(one.message, one.day, one.kind, one.link, one.hit_class, -1), moved]
                self._counted[hit_id] = moved, visitor
        return others, counts

    def _is_new(self, one: DayCount, visitor: str, at: float) -> bool:
        key = one.message.raw, one.kind.value, one.link, one.hit_class.column, visitor
        last = self._views.get(key)
        if last is not None and at - last < self._repeat:
            return False
        self._views[key] = at
        self._views.move_to_end(key)
        if len(self._views) > self._remembered:
            self._views.popitem(last=False)
        return True
