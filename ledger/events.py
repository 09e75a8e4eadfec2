"""Hands what was committed to whoever listens in this process: open pages, notifications, ``hits --follow``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from ledger.recording import LedgerEvent

QUEUED = 1000


class Events:
    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[LedgerEvent]] = set()

    def publish(self, event: LedgerEvent) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()  # one who falls behind looks into the ledger; nobody else waits for it
            queue.put_nowait(event)

    def subscribe(self) -> AsyncIterator[LedgerEvent]:
        """Listens from this call on, not only from the first ``anext``."""
        queue: asyncio.Queue[LedgerEvent] = asyncio.Queue(QUEUED)
        self._listeners.add(queue)
        return self._listen(queue)

    async def _listen(self, queue: asyncio.Queue[LedgerEvent]) -> AsyncIterator[LedgerEvent]:
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)
