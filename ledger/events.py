"""Hands what was committed to whoever listens in this process: open pages, notifications, ``hits --follow``."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable

from ledger.recording import LedgerEvent

QUEUED = 1000


class Events:
    """``on_change`` is called at once for events about messages, of which memory may hold an older state."""

    def __init__(self, on_change: Callable[[LedgerEvent], None] = lambda _event: None) -> None:
        self._listeners: set[asyncio.Queue[LedgerEvent]] = set()
        self._on_change = on_change

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens: events of hits need not be made for nobody."""
        return bool(self._listeners)

    def publish(self, event: LedgerEvent) -> None:
        if event.what in ("message", "messages"):
            self._on_change(event)
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()  # one who falls behind looks into the ledger; nobody else waits for it
            queue.put_nowait(event)

    def subscribe(self) -> AsyncIterator[LedgerEvent]:
        """Listens from this call on, not only from the first ``anext``."""
        queue: asyncio.Queue[LedgerEvent] = asyncio.Queue(QUEUED)
        self._listeners.add(queue)
        listening = self._listen(queue)
        # What was never asked for its first event has no end of its own to run through.
        weakref.finalize(listening, self._listeners.discard, queue)
        return listening

    async def _listen(self, queue: asyncio.Queue[LedgerEvent]) -> AsyncIterator[LedgerEvent]:
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)
