"""How many connections the dashboard holds at once. Mail and hits are served by the same process, and each connection
takes one of the files it may open: whoever opens connections to the page and says nothing must not keep mail out.
"""

from __future__ import annotations

import asyncio
from typing import cast

from aiohttp import web

MOST = 500  # browsers hold six each at most
SHARE = 0.1  # of the files that the process may open
# Between two requests, and for the whole head of one; proxies keep theirs for a minute.
IDLE_SECONDS = 75.0
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 10\r\n"
    b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 31\r\n\r\n"
    b"There are too many connections\n"
)


class Door:
    """Makes the protocol of each new connection, as ``create_server`` asks for it. Some more may come in than fit, of
    those that the kernel had in its queue."""

    def __init__(self, server: web.Server, open_files: int) -> None:
        """``open_files``: how many the process may have open at once."""
        self._server = server
        self._most = max(1, min(MOST, int(open_files * SHARE)))

    def __call__(self) -> asyncio.Protocol:
        return self._server() if len(self._server.connections) < self._most else _TurnedAway()


class _TurnedAway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = cast(asyncio.Transport, transport)
        connection.write(_TOO_MANY)
        connection.close()
