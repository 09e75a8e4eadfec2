"""Which Host headers the dashboard answers to, and which origins may change anything. Pure.

Any web page can point a name of its own at 127.0.0.1 and read what answers there (DNS rebinding), so a name counts
only when it is ours: the socket's own address, ``localhost`` on loopback, or ``[dashboard] allowed_hosts``.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_ours(host_header: str, socket_host: str, socket_port: int, allowed: Collection[str]) -> bool:
    """Whether a request with that Host, which came in on that socket, meant this dashboard.

    An entry of ``allowed`` without a port covers every port: behind a reverse proxy ours is not the one people see.
    """
    host, port = split_host(host_header)
    if not host:
        return False
    if any(_matches(host, port, *split_host(entry)) for entry in allowed):
        return True
    if port != socket_port and not (port is None and socket_port in _DEFAULT_PORTS.values()):
        return False
    return host == socket_host.lower() or (host in ("localhost", "127.0.0.1", "::1") and _is_loopback(socket_host))


def may_change(host_header: str, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a request that changes something comes from our own pages, as far as its headers tell.

    Browsers send Origin with every POST and Sec-Fetch-Site beside it; other programs send neither and need the
    form's token or a bearer token all the same.
    """
    if fetch_site is not None and fetch_site not in ("same-origin", "none"):
        return False
    # Under Referrer-Policy: no-referrer a browser's own form says "null" (Fetch standard, section 3.2); then only
    # Sec-Fetch-Site, which pages cannot set, tells where it came from.
    if origin is None or (origin == "null" and fetch_site == "same-origin"):
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in _DEFAULT_PORTS and parts.netloc.lower() == host_header.lower()


def split_host(text: str) -> tuple[str, int | None]:
    """("127.0.0.1", 8026) for "127.0.0.1:8026"; an empty host for what cannot be read."""
    try:
        parts = urlsplit(f"//{text}")
        return (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "", None


def _matches(host: str, port: int | None, allowed_host: str, allowed_port: int | None) -> bool:
    return host == allowed_host and (allowed_port is None or allowed_port == port)


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
