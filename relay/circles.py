"""Finds upstreams that lead back into this relay, before mail goes in circles. (docs/decisions/0014)

Addresses written in the configuration are compared there already. What is left are names, which have to be looked up,
and listeners for every address; only an upstream with the port of a listener is looked at at all.
"""

from __future__ import annotations

import asyncio
import socket

from config.addresses import is_every_address, reaches
from config.settings import Settings, host_and_port

LOOKUP_SECONDS = 5.0


async def circles(settings: Settings) -> dict[str, str]:
    """For each upstream that is one of the listeners, that listener's ``bind``. A name that cannot be looked up in
    time is none."""
    found: dict[str, str] = {}
    for name, upstream in settings.upstream.items():
        binds = [one.bind for one in settings.listener if host_and_port(one.bind)[1] == upstream.port]
        if upstream.sandbox or not binds:
            continue
        addresses = await _addresses_of(upstream.host)
        for bind in binds:
            if any(_ends_at(address, upstream.port, bind) for address in addresses):
                found[name] = bind
    return found


async def _addresses_of(host: str) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            entries = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(str(entry[4][0]) for entry in entries)


def _ends_at(address: str, port: int, bind: str) -> bool:
    return reaches(address, port, bind) or (is_every_address(host_and_port(bind)[0]) and _is_own(address))


def _is_own(address: str) -> bool:
    """Whether the address is one of this machine's: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
