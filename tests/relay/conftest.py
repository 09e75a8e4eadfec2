from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.relay.running_relay import RunningRelay, run_relay, settings_for, stop_relays
from tests.relay.upstream_servers import Behaves


@pytest.fixture
async def upstream() -> AsyncIterator[Behaves]:
    server = Behaves()
    await server.start()
    yield server
    await server.stop()


StartRelay = Callable[..., Awaitable[RunningRelay]]


@pytest.fixture
async def start_relay(tmp_path: Path) -> AsyncIterator[StartRelay]:
    """Starts relays to the given upstream server; stops them at the end."""
    running: list[RunningRelay] = []
    servers: list[Behaves] = []

    async def start(server: Behaves, /, neighbours: dict[str, object] | None = None, **tables: object) -> RunningRelay:
        if not server.port:
            await server.start()
            servers.append(server)
        relay = await run_relay(settings_for(server.port, tmp_path / "data", **tables), **(neighbours or {}))
        running.append(relay)
        return relay

    yield start
    await stop_relays(running)
    for server in servers:
        await server.stop()


@pytest.fixture
async def relay(upstream: Behaves, start_relay: StartRelay) -> RunningRelay:
    return await start_relay(upstream)
