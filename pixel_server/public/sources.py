"""Who really asked: the client's address behind configured proxies, and what counts as one source.

Trusts X-Forwarded-For (or Forwarded, RFC 7239) only from networks that the operator named, and of it only the part
that those wrote: read from the right, the first address that is no trusted proxy. Anybody can write the rest.
Knows no socket and no request object. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_network

from pixel_server.public.signs.networks import Address, Network, NetworkTable, parse_address, span_of

# More proxies than this stand before nobody; what lies further left was made up.
_HOPS_LIMIT = 100
_FOUR_GROUPS = re.compile(r"(?:[0-9a-fA-F]{1,4}:){3}[0-9a-fA-F]{1,4}", re.ASCII)
_FORWARDED_PAIR = re.compile(r'(?P<name>[^\s=;,"\\]+)=(?:"(?P<quoted>[^"\\]*)"|(?P<plain>[^\s;,"\\]*))')


def trusted_networks(networks: Iterable[Network]) -> NetworkTable:
    """The proxies of [pixel_server] trusted_proxies, ready for asking."""
    return NetworkTable((span_of(network), 0) for network in networks)


def client_address(peer: str, headers: Iterable[tuple[str, str]], trusted: NetworkTable) -> str:
    """The address of whoever asked, in its plain spelling; the peer's own when no trusted proxy names another.

    ``headers`` are all header lines in their order, repeated ones included. An empty or unreadable ``peer`` gives "".
    Where both headers are present, X-Forwarded-For counts: proxies that write it commonly hand a client's Forwarded
    on as it came.
    """
    address = parse_address(peer)
    if address is None:
        return ""
    if address not in trusted:
        return str(address)
    for hop in reversed(_hops(headers)[-_HOPS_LIMIT:]):
        told = _hop_address(hop)
        if told is None:  # "unknown", an obfuscated name, garbage: nearer than the last good one nothing is known
            break
        address = told
        if address not in trusted:
            break
    return str(address)


@lru_cache(maxsize=4096)
def source_of(ip: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 of an IPv6 one, which is one household. "" if neither.

    What is such a source already stays it, in either spelling: "2001:db8:1:2::/64" or its first four groups.
    """
    if _FOUR_GROUPS.fullmatch(ip):
        ip += "::"
    address = parse_address(ip.removesuffix("/64") if ":" in ip else ip.removesuffix("/32"))
    return "" if address is None else _network_text(address, 32, 64)


@lru_cache(maxsize=4096)
def truncated(ip: str) -> str:
    """The address without its last part: IPv4 by /24, IPv6 by /48. "" for what is no address."""
    address = parse_address(ip)
    return "" if address is None else _network_text(address, 24, 48)


def _network_text(address: Address, ipv4_bits: int, ipv6_bits: int) -> str:
    match address:
        case IPv4Address():
            return str(address) if ipv4_bits == 32 else str(ip_network((int(address) >> 8 << 8, 24)))
        case IPv6Address():
            return str(ip_network(((int(address) >> 128 - ipv6_bits) << 128 - ipv6_bits, ipv6_bits)))


def _hops(headers: Iterable[tuple[str, str]]) -> Sequence[str]:
    lines = [(name.lower(), value) for name, value in headers]
    x_forwarded = [value for name, value in lines if name == "x-forwarded-for"]
    if x_forwarded:
        return [hop.strip() for hop in ",".join(x_forwarded).split(",")]
    forwarded = ",".join(value for name, value in lines if name == "forwarded")
    return [_for_of(element) for element in forwarded.split(",")] if forwarded else []


def _for_of(element: str) -> str:
    """What an element says of who asked; "" if it says nothing, or not beyond doubt.

    Proxies repeat a client's Host in quotes, where it can hold commas, semicolons and a "for=" of its own. Cut at them,
    some piece of it has a quote too many or an escaped one, and then nothing is believed.
    """
    pairs = [_FORWARDED_PAIR.fullmatch(pair.strip()) for pair in element.split(";") if pair.strip()]
    said = [pair["plain"] if pair["quoted"] is None else pair["quoted"]
            for pair in pairs if pair and pair["name"].lower() == "for"]  # fmt: skip
    return said[0] if None not in pairs and len(said) == 1 else ""


def _hop_address(hop: str) -> Address | None:
    """An address with or without its port: 192.0.2.1:4711, [2001:db8::1]:4711."""
    if hop.startswith("["):
        return parse_address(hop[1:].partition("]")[0])
    if hop.count(":") == 1:
        hop = hop.partition(":")[0]
    return parse_address(hop)
