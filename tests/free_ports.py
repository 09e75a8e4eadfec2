"""Ports for servers that are started as programs, and so cannot be given port 0 and asked for theirs.

Below those that the system gives to outgoing connections. Who waits for a server by connecting until it is there could
get that very port for its own end of the connection, and is connected to itself then (RFC 9293, section 3.5, figure 8):
the server finds its port taken, and the test reads its own question.
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000


def free_ports(count: int) -> list[int]:
    """That many different ones on which nobody listens. By chance, and not by one that a test can seed: tests run side
    by side."""
    free: list[int] = []
    while len(free) < count:
        port = _LOWEST + secrets.randbelow(_lowest_outgoing() - _LOWEST)
        if port not in free and _is_free(port):
            free.append(port)
    return free


def _lowest_outgoing() -> int:
    lowest = int(_OUTGOING.read_text().split()[0]) if _OUTGOING.exists() else 32768
    return lowest if lowest > 2 * _LOWEST else 32768


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
