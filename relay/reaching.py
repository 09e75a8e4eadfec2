"""Which of an upstream's addresses is connected to, where it has a name: the first that answers.

A name often has several, and one that neither answers nor refuses (a server that is down, IPv6 where nothing of it
comes through) must not use up the time for all. The next is tried beside it, as in RFC 8305.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import cast

Address = tuple[str, int] | tuple[str, int, int, int]
NEXT_SECONDS = 1.0  # RFC 8305 section 5 has up to two; a quarter of one would often make two connections for one


async def connected(host: str, port: int) -> socket.socket | None:
    """A connection to that host; None for what is an address already, which leaves nothing to choose.

    Raises OSError; of several addresses it is the last one's.
    """
    if is_address(host):
        return None
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    tries: list[asyncio.Task[socket.socket]] = []
    winner: asyncio.Task[socket.socket] | None = None
    try:
        winner = await _first_of([(family, cast(Address, address)) for family, _, _, _, address in found], tries)
        return winner.result()
    finally:
        for one in tries:
            if one is not winner:
                _give_up(one)


@lru_cache(64)
def is_address(host: str) -> bool:
    """Whether it is none that has to be looked up."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return True
    return False


async def _first_of(
    addresses: Iterable[tuple[int, Address]], tries: list[asyncio.Task[socket.socket]]
) -> asyncio.Task[socket.socket]:
    """The first try that succeeds; whatever is begun stands in ``tries``."""
    left = list(dict.fromkeys(addresses))
    pending: set[asyncio.Task[socket.socket]] = set()
    error: BaseException | None = None
    while left or pending:
        if left:
            tries.append(asyncio.create_task(_connect(*left.pop(0))))
            pending.add(tries[-1])
        seconds = NEXT_SECONDS if left else None
        done, pending = await asyncio.wait(pending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            error = one.exception()
            if error is None:
                return one
    raise error or OSError("no address")


async def _connect(family: int, address: Address) -> socket.socket:
    own = socket.socket(family, socket.SOCK_STREAM)
    try:
        own.setblocking(False)
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(own, address)
    except BaseException:
        own.close()
        raise
    return own


def _give_up(one: asyncio.Task[socket.socket]) -> None:
    """Nothing that was begun stays open."""
    if not one.cancel() and not one.cancelled() and one.exception() is None:
        one.result().close()
