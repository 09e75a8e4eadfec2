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
class _Visitor:
    hits: int = 0
    row: str = ""
    row_stands_for: int = 1


class RateCap:
    def __init__(self, rows_a_minute: int = ROWS_A_MINUTE, remembered: int = REMEMBERED) -> None:
        self._rows = rows_a_minute
        self._remembered = remembered
        self._minute = -1
        self._visitors: OrderedDict[tuple[str, str], _Visitor] = OrderedDict()

    def full_row(self, token: str, source: str, at: float) -> tuple[str, int] | None:
        """The row that counts this hit and how many it stands for with it; None when the hit gets its own row."""
        minute = int(at // 60)
        if minute != self._minute:
            self._minute = minute
            self._visitors.clear()
        visitor = self._visitors.get((token, source))
        if visitor is None:
            visitor = self._visitors[token, source] = _Visitor()
            if len(self._visitors) > self._remembered:
                self._visitors.popitem(last=False)
        visitor.hits += 1
        if visitor.hits <= self._rows or not visitor.row:
            return None
        visitor.row_stands_for += 1
        return visitor.row, visitor.row_stands_for

    def note_row(self, token: str, source: str, row: str) -> None:
        """The id of the row that the visitor's hit got."""
        visitor = self._visitors.get((token, source))
        if visitor is not None:
            visitor.row, visitor.row_stands_for = row, 1
