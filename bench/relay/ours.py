"""mailglass's relay alone, with its real ledger on disk, in front of an SMTP server on the given port."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from config.settings import Limits, Listener, Settings, Upstream
from ledger.keys import load_keys
from ledger.store import Store
from relay.wiring import Neighbours, build


async def main() -> None:
    upstream = Upstream(host="127.0.0.1", port=int(sys.argv[1]), security="none")
    settings = Settings(
        data_dir=Path(sys.argv[2]),
        listener=(Listener(bind="127.0.0.1:0"),),
        upstream={"default": upstream},
        limits=Limits(connections=1000, connections_per_address=1000),
    )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    store = await Store.open(settings)
    ring = load_keys(settings.keys_dir)
    server = build(settings, Neighbours(records=store, ring=lambda: ring))
    await server.start()
    print(server.ports[0].port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
