"""A relay in a process of its own, for tests that kill it.

``python -m tests.spool.relay_process DATA_DIR UPSTREAM_PORT FIRST_RETRY LEDGER`` prints its port and serves until
SIGTERM. LEDGER is ``store`` for the real one, or ``forgetful`` for one that keeps nothing and starts in no time.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from config.settings import Listener, Settings, Spool, Upstream
from config.units import parse_duration
from ledger.message_id import MessageId
from ledger.records import MessageRecord, State
from relay.wiring import Neighbours, build
from tests.relay.running_relay import RING, MarksBody, wants_if_header_says


class Forgetful:
    """Takes everything, keeps nothing."""

    async def register(self, record: MessageRecord) -> None:
        pass

    async def settle(
        self,
        message: MessageId,
        state: State,
        reply: str = "",
        accepted_at: datetime | None = None,
        copy: int | None = None,
    ) -> None:
        pass

    async def close(self) -> None:
        pass


async def open_ledger(kind: str, settings: Settings) -> Any:
    if kind == "forgetful":
        return Forgetful()
    return await import_module("ledger.store").Store.open(settings)


async def serve(
    data_dir: Path,
    upstream_port: int,
    first_retry: timedelta,
    ledger: str,
    is_ready: Callable[[int], object],
    grace_seconds: float = 2,
) -> None:
    """Until SIGTERM; ``is_ready`` is given the port. The spool looks often, whatever the first retry is."""
    settings = Settings(
        data_dir=data_dir,
        listener=(Listener(bind="127.0.0.1:0"),),
        upstream={"default": Upstream(host="127.0.0.1", port=upstream_port, security="none")},
        spool=Spool().model_copy(update={"first_retry": first_retry}),  # may be shorter than settings may say
    )
    store = await open_ledger(ledger, settings)
    neighbours = Neighbours(
        records=store,
        copies=store,
        rewriter=MarksBody(),
        decide=lambda _listener: wants_if_header_says,
        ring=lambda: RING,
    )
    server = build(settings, neighbours)
    assert server.spool is not None
    server.spool.runner.look_seconds = min(0.05, first_retry.total_seconds())
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await server.start()
    is_ready(server.ports[0].port)
    await stopped.wait()
    await server.stop(grace_seconds)
    await store.close()


def say_port(port: int) -> None:
    print(port, flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s %(message)s")
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), parse_duration(sys.argv[3]), sys.argv[4], say_port))
