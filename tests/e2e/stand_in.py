"""A real SMTP server in a thread, for tests that run mailglass as a process and do without an event loop."""

from __future__ import annotations

import asyncio
import threading

from tests.relay.upstream_servers import Behaves


class StandIn:
    """``delivered`` holds the contents, as they came over the wire."""

    def __init__(self) -> None:
        self._server = Behaves()
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._server.start())
        self.port = self._server.port
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def delivered(self) -> list[bytes]:
        return [one.content for one in self._server.delivered]

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
