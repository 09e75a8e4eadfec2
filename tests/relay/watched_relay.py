"""A relay whose loop is watched: ``python -m tests.relay.watched_relay UPSTREAM DATA``.

Everything in it is real: headers, rewriting, ledger, spool. It prints its port, and for each line it is given the most
milliseconds of processor time that one turn of the loop has taken since it was asked last. Waiting is not counted: how
long a disk or the other programs of the machine take is not the relay's doing.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.store import Store
from relay.wiring import Neighbours, build
from tests.relay.running_relay import RING, settings_for

MANY = {"connections": 2000, "connections_per_address": 2000}


class WatchedSelector(selectors.DefaultSelector):
    """Asked once in every turn of the loop: what lies between two questions is the turn."""

    def __init__(self) -> None:
        super().__init__()
        self._since = time.thread_time()
        self._longest = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._longest = max(self._longest, time.thread_time() - self._since)
        events = super().select(timeout)
        self._since = time.thread_time()
        return events

    def longest_turn(self) -> float:
        """In seconds, since this was asked last."""
        longest, self._longest = self._longest, 0.0
        return longest


@dataclass
class WatchedRelay:
    """The side that asks."""

    process: asyncio.subprocess.Process
    port: int

    async def longest_turn(self) -> float:
        """In seconds of processor time, since this was asked last."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        return float(await self.process.stdout.readline()) / 1000


@asynccontextmanager
async def watched_relay(upstream_port: int, data: Path) -> AsyncIterator[WatchedRelay]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.relay.watched_relay", str(upstream_port), str(data),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield WatchedRelay(process, int(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


async def main(selector: WatchedSelector) -> None:
    settings = settings_for(int(sys.argv[1]), Path(sys.argv[2]), limits=MANY)
    store = await Store.open(settings)
    server = build(settings, Neighbours(records=store, copies=store, ring=lambda: RING))
    await server.start()
    print(server.ports[0].port, flush=True)
    over = asyncio.Event()

    def asked() -> None:
        if sys.stdin.buffer.readline():
            print(selector.longest_turn() * 1000, flush=True)
        else:
            over.set()

    asyncio.get_running_loop().add_reader(sys.stdin, asked)
    await over.wait()
    await server.stop(grace_seconds=1)
    await store.close()


if __name__ == "__main__":
    watched = WatchedSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(watched)) as runner:
        runner.run(main(watched))
