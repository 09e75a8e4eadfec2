"""Where clients of a listener with implicit TLS come in: they count from the first octet, not from the handshake's end.

A handshake may take its time. Connections that did not count meanwhile would let one client take every file descriptor
there is. Of those beyond the limits a few may shake hands, to hear their 421; the rest is hung up on.
"""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol
from typing import cast

from relay.connection import HANDSHAKE_SECONDS, ClientConnection, address_of
from relay.surroundings import Surroundings


class Doorway(asyncio.Protocol):
    """One such connection, until it is its handshake's. As aiosmtpd does for STARTTLS, and under uvloop alike."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        door, address = self._around.doorkeeper, address_of(transport)
        is_admitted = door.enter(address)
        if not is_admitted and not door.may_be_told():
            cast(asyncio.Transport, transport).abort()
            return
        connection = ClientConnection(self._around, is_admitted)

        def shaken(outcome: asyncio.Future[None]) -> None:
            outcome.exception()  # a handshake that fails is no news
            if not is_admitted:
                door.was_told()
            elif not connection.is_counted:  # it never came to be, and will not count itself down
                door.leave(address)

        waiter = asyncio.get_running_loop().create_future()
        waiter.add_done_callback(shaken)
        assert self._around.certificate is not None
        handshake = SSLProtocol(
            asyncio.get_running_loop(),
            connection,
            self._around.certificate.context,
            waiter,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
        )
        cast(asyncio.Transport, transport).set_protocol(handshake)
        handshake.connection_made(transport)
