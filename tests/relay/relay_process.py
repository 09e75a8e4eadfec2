"""The relay as a process of its own, for tests that kill it: ``python -m tests.relay.relay_process UPSTREAM DATA``.

Prints its port, and at SIGUSR1 how many blocks of memory Python's objects have when all garbage is gone. Records are
kept as lines of a file, each in the file before ``register`` or ``settle`` returns.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from ledger.message_id import MessageId
from ledger.records import MessageRecord, State
from relay.wiring import Neighbours, build
from tests.relay.running_relay import RING, MarksBody, settings_for, wants_if_header_says


class FileRecords:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def register(self, record: MessageRecord) -> None:
        os.write(self._file, f"{record.id} {record.state}\n".encode())

    async def settle(self, message_id: MessageId, state: State, reply: str, accepted_at: datetime | None) -> None:
        os.write(self._file, f"{message_id} {state}\n".encode())


def tell_blocks() -> None:
    gc.collect()
    print(sys.getallocatedblocks(), flush=True)


async def main() -> None:
    data = Path(sys.argv[2])
    settings = settings_for(int(sys.argv[1]), data, limits={"connections": 2000, "connections_per_address": 2000})
    data.mkdir(parents=True, exist_ok=True)
    records = FileRecords(data / "records")
    neighbours = Neighbours(
        records=records, ring=lambda: RING, rewriter=MarksBody(), decide=lambda _listener: wants_if_header_says
    )
    server = build(settings, neighbours)
    await server.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell_blocks)
    print(server.ports[0].port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
