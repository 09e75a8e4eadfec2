"""Rewriting beside the event loop, within its two seconds, whatever a message does to it.

A few threads, each with a worker of its own (relay/rewriting/worker.py), which ends in a killable process what is
large or doubtful. A worker that does not come back in time is given up with its thread and replaced; the message goes
out as it came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from ledger.records import Reason
from ledger.urls import TrackingUrls
from relay import logbook
from relay.rewriting.plan import Plan, Tracked, Unchanged
from relay.rewriting.worker import SECONDS, RewritingWorker

WORKERS = 2
# A worker kills its process when the time is up and says so; starting one may take half a second more.
START_SECONDS = 1.0


class Worker(Protocol):
    def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged: ...
    def close(self) -> None: ...


class _Desk:
    """A worker and the thread it works in."""

    def __init__(self, make: Callable[[], Worker]) -> None:
        self.worker = make()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="mailglass rewriting")

    def leave(self) -> None:
        self.thread.shutdown(wait=False, cancel_futures=True)
        self.worker.close()


class RewritingPool:
    def __init__(self, seconds: float = SECONDS, make: Callable[[float], Worker] = RewritingWorker) -> None:
        self._make = lambda: make(seconds)
        self._patience = seconds + START_SECONDS
        self._free: asyncio.Queue[_Desk] = asyncio.Queue()
        for _ in range(WORKERS):
            self._free.put_nowait(_Desk(self._make))

    async def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        """Never raises, and is done in time: a timeout or a fault gives ``Unchanged``."""
        try:
            async with asyncio.timeout(self._patience):
                desk = await self._free.get()
        except TimeoutError:
            return Unchanged(Reason.TIMEOUT)
        work = asyncio.get_running_loop().run_in_executor(desk.thread, desk.worker.rewrite, raw, plan, urls)
        try:
            async with asyncio.timeout(self._patience):
                outcome = await asyncio.shield(work)
        except TimeoutError:
            self._replace(desk)
            return Unchanged(Reason.TIMEOUT)
        except asyncio.CancelledError:
            self._replace(desk)
            raise
        except Exception as error:
            logbook.rewriting_failed("-", type(error).__name__)
            outcome = Unchanged(Reason.INTERNAL)
        self._free.put_nowait(desk)
        return outcome

    def _replace(self, desk: _Desk) -> None:
        """Its thread may come back or not; nobody waits for it."""
        desk.leave()
        self._free.put_nowait(_Desk(self._make))

    def close(self) -> None:
        while not self._free.empty():
            self._free.get_nowait().leave()
