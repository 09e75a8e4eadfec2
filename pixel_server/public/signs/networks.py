"""Lists of networks: is an address in one of them, and which autonomous system announces it.

Addresses are compared as integers in sorted, merged ranges, so that a list of some hundred thousand networks stays
small and is searched in microseconds. Pure; reading files is loading.py's.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Span = tuple[int, int, int]  # version, first address, last address
_Range = tuple[int, int, int]  # first address, last address, label
_OCTETS = {str(octet): octet for octet in range(256)}  # in their only spelling


@lru_cache(maxsize=4096)  # every rule on a request asks about the same address
def parse_address(text: str) -> Address | None:
    """The address a text names, without zone; IPv4 inside IPv6 (RFC 4291 section 2.5.5.2) is IPv4. Else None."""
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def read_ipv4(text: str) -> tuple[int, int, int, int] | None:
    """The four numbers of an IPv4 address in its only spelling, at a fifteenth of what parse_address costs."""
    try:
        first, second, third, fourth = text.split(".")
        return _OCTETS[first], _OCTETS[second], _OCTETS[third], _OCTETS[fourth]
    except (ValueError, KeyError):
        return None


def span_of(network: Network) -> Span:
    """A network as the table takes it."""
    return network.version, int(network.network_address), int(network.broadcast_address)


class NetworkTable:
    """Networks with a number each (0 where only membership counts). Of nested networks the narrowest answers."""

    def __init__(self, entries: Iterable[tuple[Span, int]] = ()) -> None:
        by_version: dict[int, list[_Range]] = {4: [], 6: []}
        for (version, first, last), label in entries:
            by_version[version].append((first, last, label))
        self._ranges = {version: _narrowed(_flatten(ranges)) for version, ranges in by_version.items()}

    def label_of(self, address: Address) -> int | None:
        """The number of the narrowest network that holds the address; None outside all of them."""
        return self.label_at(address.version, int(address))

    def label_at(self, version: int, number: int) -> int | None:
        """The same for an address written as a number."""
        firsts, lasts, labels, shift = self._ranges[version]
        if not firsts:
            return None
        number >>= shift
        position = bisect_right(firsts, number) - 1
        return labels[position] if position >= 0 and number <= lasts[position] else None

    def is_cut(self, version: int, first: int, last: int) -> bool:
        """Whether a network begins or ends among these addresses, so that not all of them have the same answer."""
        firsts, lasts, _, shift = self._ranges[version]
        first, last = first >> shift, last >> shift
        position = bisect_right(firsts, first)
        ends = position > 0 and first <= lasts[position - 1] < last
        return ends or bisect_right(firsts, last) != position

    def __contains__(self, address: Address) -> bool:
        return self.label_of(address) is not None


class _Ranges(NamedTuple):
    """Disjoint ranges in order. An address is compared without its last ``shift`` bits."""

    firsts: Sequence[int]
    lasts: Sequence[int]
    labels: Sequence[int]
    shift: int


def _narrowed(flat: list[_Range]) -> _Ranges:
    """In machine integers: whole values, or their upper 64 bits where all ranges are of whole /64s."""
    low = 2**64 - 1
    whole = flat and flat[-1][1] > low and all(first & low == 0 and last & low == low for first, last, _ in flat)
    shift = 64 if whole else 0
    firsts, lasts = ([bounds[end] >> shift for bounds in flat] for end in (0, 1))
    labels = array("Q", [label for _, _, label in flat])
    if whole or not flat or flat[-1][1] <= low:
        return _Ranges(array("Q", firsts), array("Q", lasts), labels, shift)
    return _Ranges(firsts, lasts, labels, shift)


def _flatten(ranges: Iterable[_Range]) -> list[_Range]:
    """Disjoint ranges in order; where ranges nest, the inner one's label; neighbours with one label are merged."""
    flat: list[_Range] = []
    open_ranges: list[_Range] = []  # those that hold the present position, the narrowest last
    position = 0

    def close_until(end: int) -> None:
        nonlocal position
        while open_ranges and open_ranges[-1][1] < end:
            _, last, label = open_ranges.pop()
            if position <= last:
                _append(flat, (position, last, label))
                position = last + 1

    # Wider networks first where two begin alike; networks never overlap without nesting.
    for first, last, label in sorted(ranges, key=lambda item: (item[0], -item[1])):
        close_until(first)
        if open_ranges and position < first:
            _append(flat, (position, first - 1, open_ranges[-1][2]))
        position = first
        open_ranges.append((first, last, label))
    close_until(2**128)
    return flat


def _append(flat: list[_Range], item: _Range) -> None:
    first, last, label = item
    if flat and flat[-1][1] + 1 == first and flat[-1][2] == label:
        flat[-1] = (flat[-1][0], last, label)
    else:
        flat.append(item)
