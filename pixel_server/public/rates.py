"""How many rows one visitor can cause: beyond 60 hits a minute of one token from one source, the last row counts on.

Nothing is refused and no number is lost; a flood only makes one number grow. Holds the present minute, in bounded
memory. Pure: the time is an argument.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

ROWS_A_MINUTE = 60
REMEMBERED = 50_000


@dataclass(slots=True)
class Visitor:
    """One source's hits of one token in this minute. ``row`` is the latest row's id, to be set by who makes it."""

    hits: int = 0
    row: str = ""
    row_stands_for: int = 1  # hits, with this one
    is_full: bool = False  # this hit gets no row of its own


class RateCap:
    def __init__(self, rows_a_minute: int = ROWS_A_MINUTE, remembered: int = REMEMBERED) -> None:
        self._rows = rows_a_minute
        self._remembered = remembered
        self._minute = -1
        self._visitors: OrderedDict[tuple[str, str], Visitor] = OrderedDict()

    def visitor(self, token: str, source: str, at: float) -> Visitor:
        """Counts a hit. ``at`` is in seconds."""
        minute = int(at // 60)
        if minute != self._minute:
            self._minute = minute
            self._visitors.clear()
        key = (token, source)
        visitor = self._visitors.get(key)
        if visitor is None:
            visitor = self._visitors[key] = Visitor()
            if len(self._visitors) > self._remembered:
                self._visitors.popitem(last=False)
        visitor.hits += 1
        if visitor.hits > self._rows and visitor.row:
            visitor.is_full = True
            visitor.row_stands_for += 1
        return visitor
