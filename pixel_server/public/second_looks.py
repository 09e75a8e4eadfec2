"""Looks again at clicks in the one process that writes: there pass the hits of all workers, and replayed journals.

A click is looked at on its way into the ledger, and goes in with the verdict that its neighbours give it; what it makes
of earlier ones, and what time brings, is written within a second. How they are judged is neighbourhood.py's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from config.settings import Settings
from ledger.access import Ledger
from ledger.faults import LedgerUnavailable
from ledger.records import Hit
from pixel_server.public.neighbourhood import Neighbourhood

log = logging.getLogger("mailglass.hits")
LOOK_SECONDS = 1.0


class SecondLooks:
    """``clock`` counts seconds since 1970. In a process that does not write the ledger nothing passes here."""

    def __init__(self, settings: Settings, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock
        self._neighbourhood = Neighbourhood(settings)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._ledger.watch_hits(self._look)
        self._task = asyncio.create_task(self._run(), name="second looks")

    async def close(self) -> None:
        """Writes what is known by now."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._write()

    def _look(self, hits: Sequence[Hit], again: bool) -> Sequence[Hit]:
        return self._neighbourhood.look(hits, None if again else self._clock())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self._neighbourhood.due(self._clock())
                await self._write()
            except Exception:
                log.exception("second looks failed")

    async def _write(self) -> None:
        # A change finds only what is stored. Hits that went to a journal meanwhile pass here again at their replay.
        if self._ledger.fault is not None:
            return
        changes = self._neighbourhood.taken_changes()
        if changes:
            try:
                await self._ledger.change_verdicts(list(changes.items()))
            except LedgerUnavailable:
                self._neighbourhood.take_back(changes)
