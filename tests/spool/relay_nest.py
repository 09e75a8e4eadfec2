"""Relays by the hundred: a process that has everything imported and forks a relay for whoever asks.

A relay that is to be killed needs a process of its own, and starting an interpreter costs more than all that the
relay then does. ``python -m tests.spool.relay_nest`` reads orders, one JSON line each, and says in the same way when a
relay is ready and how it ended. ``RelayNest`` is the side that asks.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType

from ledger.store import Store
from relay import failpoints
from tests.spool.relay_process import serve

ROOT = Path(__file__).resolve().parents[2]
FIRST_RETRY = timedelta(milliseconds=50)


@dataclass
class Nestling:
    """One relay; ``ended`` gives its exit status, negative for a signal, once there is one."""

    nest: RelayNest
    number: int
    port: asyncio.Future[int]
    ended: asyncio.Future[int]

    def kill(self) -> None:
        self.nest.order({"number": self.number, "signal": signal.SIGKILL})

    async def stop(self) -> None:
        """SIGTERM, unless it has ended already."""
        if not self.ended.done():
            self.nest.order({"number": self.number, "signal": signal.SIGTERM})
        await self.ended


@dataclass
class RelayNest:
    process: asyncio.subprocess.Process
    relays: dict[int, Nestling] = field(default_factory=dict)

    def order(self, order: dict[str, object]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")

    async def listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            said = json.loads(line)
            relay = self.relays[said["number"]]
            if "port" in said:
                relay.port.set_result(said["port"])
            else:
                relay.ended.set_result(said["status"])
                if not relay.port.done():
                    relay.port.set_exception(ChildProcessError("the relay ended before it was ready"))

    @asynccontextmanager
    async def relay(
        self, data_dir: Path, upstream_port: int, failpoint: str = "", ledger: str = "store"
    ) -> AsyncIterator[Nestling]:
        loop, number = asyncio.get_running_loop(), len(self.relays)
        relay = self.relays[number] = Nestling(self, number, loop.create_future(), loop.create_future())
        self.order(
            {
                "number": number,
                "data_dir": str(data_dir),
                "upstream_port": upstream_port,
                "failpoint": failpoint,
                "ledger": ledger,
            }
        )
        try:
            await relay.port
            yield relay
        finally:
            await relay.stop()


@asynccontextmanager
async def relay_nest(log: Path) -> AsyncIterator[RelayNest]:
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.spool.relay_nest",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    nest = RelayNest(process)
    listening = asyncio.create_task(nest.listen())
    try:
        yield nest
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await listening
        await process.wait()


def _say(said: dict[str, int]) -> None:
    os.write(1, json.dumps(said).encode() + b"\n")  # shorter than PIPE_BUF: lines of several processes never mix


def _be_a_relay(order: dict[str, object]) -> None:
    failpoints.arm(str(order["failpoint"]))
    number = int(str(order["number"]))
    asyncio.run(
        serve(
            Path(str(order["data_dir"])),
            int(str(order["upstream_port"])),
            FIRST_RETRY,
            str(order["ledger"]),
            lambda port: _say({"number": number, "port": port}),
        )
    )


def _hatch(orders: object) -> None:
    numbers: dict[int, int] = {}

    def reap(_signal: int, _frame: FrameType | None) -> None:
        while numbers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _say({"number": numbers.pop(pid), "status": os.waitstatus_to_exitcode(status)})

    signal.signal(signal.SIGCHLD, reap)
    for line in orders:  # type: ignore[attr-defined]
        order = json.loads(line)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        if "signal" in order:
            for pid in [pid for pid, number in numbers.items() if number == order["number"]]:
                os.kill(pid, order["signal"])
        else:
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
                try:
                    _be_a_relay(order)
                except BaseException:
                    logging.getLogger().exception("the relay failed")
                    os._exit(1)
                os._exit(0)
            numbers[pid] = order["number"]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


if __name__ == "__main__":
    assert Store  # imported here, so that no relay has to
    logging.basicConfig(level=logging.INFO, format="%(process)d %(name)s %(message)s")
    _hatch(iter(sys.stdin.buffer.readline, b""))
