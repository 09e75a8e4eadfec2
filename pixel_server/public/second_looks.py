"""Looks again at clicks in the one process that writes: there pass the hits of all workers, and replayed journals.

A click is looked at on its way into the ledger, and goes in with the verdict that its neighbours give it; what it makes
of earlier ones, and what time brings, is written within a second. Clicks that were counted and leave no row are shown
here too; what their neighbours make of them moves numbers. How they are judged is neighbourhood.py's.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from config.settings import Settings
from ledger.access import Counted, Ledger
from ledger.faults import LedgerUnavailable
from ledger.records import DayCount, DayCounts, Hit, Verdict
from pixel_server.public.counts_only import CountedHits
from pixel_server.public.neighbourhood import Neighbourhood

log = logging.getLogger("mailglass.hits")
LOOK_SECONDS = 1.0


class SecondLooks:
    """``clock`` counts seconds since 1970. In a process that does not write the ledger nothing passes here."""

    def __init__(self, settings: Settings, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock
        self._neighbourhood = Neighbourhood(settings)
        self._among_counted = Neighbourhood(settings)
        self._counted = CountedHits()
        self._corrections: Counter[DayCount] = Counter()  # each as one, and how many of them
        self._group: DayCounts | None = None  # of corrections: what was tried and not heard of keeps its id
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._ledger.watch_hits(self._look, self._look_at_counted)
        self._task = asyncio.create_task(self._run(), name="second looks")

    async def close(self) -> None:
        """Writes what is known by now."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._write()

    def _look(self, hits: Sequence[Hit], again: bool) -> Sequence[Hit]:
        return self._neighbourhood.look(hits, None if again else self._clock())

    def _look_at_counted(self, counted: Sequence[Counted]) -> None:
        for hit, count in counted:
            if count is not None:
                self._counted.note(hit.id, count)
        seen = self._among_counted.look([hit for hit, _ in counted], self._clock())
        self._correct((hit.id, hit.verdict) for hit in seen)

    def _correct(self, verdicts: Iterable[tuple[str, Verdict]]) -> None:
        for one in self._counted.moved(verdicts):
            self._corrections[replace(one, number=1)] += one.number

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                now = self._clock()
                self._neighbourhood.due(now)
                self._among_counted.due(now)
                await self._write()
                self._neighbourhood.forget(now)
                self._counted.forget(self._among_counted.forget(now))
            except Exception:
                log.exception("second looks failed")

    async def _write(self) -> None:
        self._correct(self._among_counted.taken_changes().items())
        # A change finds only what is stored. Hits that went to a journal meanwhile pass here again at their replay.
        if self._ledger.fault is not None:
            return
        changes = self._neighbourhood.taken_changes()
        if changes:
            try:
                await self._ledger.change_verdicts(list(changes.items()))
            except LedgerUnavailable:
                self._neighbourhood.take_back(changes)
        await self._write_corrections()

    async def _write_corrections(self) -> None:
        if self._group is None:
            counts = tuple(replace(one, number=number) for one, number in self._corrections.items() if number)
            self._corrections.clear()
            self._group = DayCounts(secrets.token_hex(8), counts) if counts else None
        if self._group is not None:
            group, self._group = self._group, None
            try:
                await self._ledger.add_counts(group)
            except LedgerUnavailable:
                self._group = group
