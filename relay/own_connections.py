"""This process's upstream connections, so that a relay that is its own upstream can tell (docs/decisions/0014)."""

from __future__ import annotations

import asyncio

from relay.upstream import PIECE, UpstreamLink

# By local and remote end: a client on one of them is the relay itself. The local end alone would not do: a client on
# this machine may have the same port at the same time, towards another server.
_own_connections: set[tuple[object, object]] = set()


def is_own_connection(local: object, remote: object) -> bool:
    return _ends(local, remote) in _own_connections


def _ends(local: object, remote: object) -> tuple[object, object]:
    """IPv6 addresses come with flow and scope; those are no part of who is connected."""
    return (local[:2] if isinstance(local, tuple) else local, remote[:2] if isinstance(remote, tuple) else remote)


class RegisteredLink(UpstreamLink):
    """An UpstreamLink whose ends are known while it lives."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Under TLS half a megabyte would wait unseen otherwise.
        self._transport.set_write_buffer_limits(high=PIECE)
        self._ends = _ends(transport.get_extra_info("sockname"), transport.get_extra_info("peername"))
        _own_connections.add(self._ends)

    def connection_lost(self, error: Exception | None) -> None:
        _own_connections.discard(self._ends)
        super().connection_lost(error)
