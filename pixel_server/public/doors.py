"""How many connections may be open at once: from one source, and in all. Pure; the protocols ask and tell.

Proxies that the operator trusts bring many visitors over one address, so their connections count in all only. What does
not fit is told so and closed, and costs nothing more.
"""

from __future__ import annotations

from collections import Counter

PER_SOURCE = 200
IN_ALL = 4000
SHARE = 0.75  # of the files that the process may open: the ledger, the page and the relay need some too


class Doors:
    def __init__(self, open_files: int, per_source: int = PER_SOURCE, in_all: int = IN_ALL) -> None:
        """``open_files``: how many the process may have open at once."""
        self._per_source = per_source
        self._in_all = max(1, min(in_all, int(open_files * SHARE)))
        self._from: Counter[str] = Counter()
        self._all = 0

    def __len__(self) -> int:
        return self._all

    def let_in(self, source: str, is_proxy: bool) -> str | None:
        """What to give back at the end (``let_out``); None for a connection too many."""
        counted = "" if is_proxy else source
        if self._all >= self._in_all or (counted and self._from[counted] >= self._per_source):
            return None
        self._all += 1
        self._from[counted] += 1
        return counted

    def let_out(self, counted: str) -> None:
        self._all -= 1
        self._from[counted] -= 1
        if self._from[counted] <= 0:
            del self._from[counted]
