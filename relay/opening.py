"""Opens a connection to an upstream where there is nothing to encrypt and nobody to log in, and hears its greeting.

By callbacks: of a session with one message, tasks that wait for one another cost a sixth.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from relay.destination import Destination
from relay.own_connections import RegisteredLink
from relay.reaching import connected
from relay.replies import Fault, Reply
from relay.reply_reader import Nonsense, ReplyReader
from relay.upstream import UpstreamLink, UpstreamOwner

Opened = UpstreamLink | Reply  # a session, or what the client is to hear instead


class Opening(asyncio.Protocol):
    """``opened`` is called with what came of it, unless it is given up."""

    def __init__(self, destination: Destination, owner: UpstreamOwner, opened: Callable[[Opened], None]) -> None:
        loop = asyncio.get_running_loop()
        self._destination = destination
        self._owner = owner
        self._opened = opened
        self._reader = ReplyReader()
        self._is_done = False
        self._transport: asyncio.Transport | None = None
        self._timer = loop.call_later(destination.connect_seconds, self._fail, Fault.UPSTREAM_SLOW, "no greeting")
        self._connecting = loop.create_task(self._connect(loop))

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            own = await connected(self._destination.host, self._destination.port)
            if own is None:
                await loop.create_connection(lambda: self, self._destination.host, self._destination.port)
            else:
                await loop.create_connection(lambda: self, sock=own)
        except socket.gaierror:
            self._fail(Fault.UPSTREAM_UNKNOWN, "gaierror")
        except (OSError, ValueError) as error:
            self._fail(Fault.UPSTREAM_UNREACHABLE, type(error).__name__)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._is_done:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._is_done:
            return
        try:
            replies = self._reader.feed(data)
        except Nonsense:
            self._fail(Fault.UPSTREAM_NONSENSE, "greeting")
            return
        if not replies:
            return
        greeting = replies[0]
        if 400 <= greeting.code <= 599:
            self._drop()
            self._tell(greeting)
        elif greeting.code != 220 or len(replies) > 1 or self._reader.is_inside_reply:
            self._fail(Fault.UPSTREAM_NONSENSE, "greeting")  # nobody may speak before we do
        else:
            self._tell(self._link())

    def _link(self) -> UpstreamLink:
        assert self._transport is not None
        link = RegisteredLink(self._owner, self._destination.reply_seconds)
        link.connection_made(self._transport)
        self._transport.set_protocol(link)
        return link

    def eof_received(self) -> None:
        self._fail(Fault.UPSTREAM_UNREACHABLE, "greeting")

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(Fault.UPSTREAM_UNREACHABLE, "greeting")

    def give_up(self) -> None:
        if not self._is_done:
            self._is_done = True
            self._drop()

    def _fail(self, fault: Fault, detail: str) -> None:
        if not self._is_done:
            self._drop()
            self._tell(self._owner.incident(fault, detail))

    def _drop(self) -> None:
        self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        else:
            self._connecting.cancel()

    def _tell(self, outcome: Opened) -> None:
        self._is_done = True
        self._timer.cancel()
        try:
            self._opened(outcome)
        except Exception as error:
            self._owner.broke(error)
