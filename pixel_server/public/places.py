"""What an address shows: which source it counts as, what of it may be kept, in which lists of networks it stands.

Found once an address and remembered in bounded memory, and what all of a /24 show alike once for all of them: proxies
and offices ask from many neighbouring addresses. Addresses of one ``sort`` look the same to every rule. Pure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from config.settings import Privacy
from pixel_server.public.minimise import kept_ip
from pixel_server.public.signs.networks import NetworkTable, parse_address, read_ipv4
from pixel_server.public.signs.tables import NetworkSign, Signs, lists_with
from pixel_server.public.sources import source_of, truncated

REMEMBERED = 8192
REMEMBERED_NEIGHBOURS = 2048  # of networks of 256 addresses
_Sort = tuple[frozenset[NetworkSign], int | None, bool]
_Shown = tuple[frozenset[NetworkSign], int | None, bool, bool, int]  # a Place from ``networks`` on


class Place(NamedTuple):
    """One address. ``source`` is "" for what is no address."""

    source: str
    kept_ip: str
    networks: frozenset[NetworkSign]
    asn: int | None
    is_loopback: bool
    is_proxy: bool  # the operator trusts what it says of others
    sort: int


class Places:
    def __init__(self, signs: Signs, privacy: Privacy, trusted: NetworkTable) -> None:
        self._signs = signs
        self._mode = privacy.ip_address
        self._trusted = trusted
        self._sorts: dict[_Sort, int] = {}
        self.at = lru_cache(maxsize=REMEMBERED)(self._find)  # by the text of an address
        self._shown_by_all = lru_cache(maxsize=REMEMBERED_NEIGHBOURS)(self._look_at_all)

    def forget(self) -> None:
        """Addresses are not kept for long, here nor where they are taken apart."""
        self.at.cache_clear()
        self._shown_by_all.cache_clear()
        for remembering in (parse_address, source_of, truncated):
            remembering.cache_clear()

    def _find(self, ip: str) -> Place:
        octets = read_ipv4(ip)
        if octets is None:
            return self._find_other(ip)
        first, second, third, fourth = octets
        kept = f"{first}.{second}.{third}.0/24" if self._mode == "truncate" else kept_ip(ip, self._mode)
        upper = first << 16 | second << 8 | third
        return Place(ip, kept, *(self._shown_by_all(upper) or self._shown(4, upper << 8 | fourth, first == 127)))

    def _find_other(self, ip: str) -> Place:
        address = parse_address(ip)
        if address is None:
            return _NO_ADDRESS
        shown = self._shown(address.version, int(address), address.is_loopback)
        return Place(source_of(ip), kept_ip(ip, self._mode), *shown)

    def _look_at_all(self, upper: int) -> _Shown | None:
        """What the IPv4 addresses with these 24 bits show, if it is the same for all."""
        first, last = upper << 8, upper << 8 | 255
        lists = (self._signs.asns, self._signs.filters, self._signs.apple_relay, self._trusted)
        if any(networks.is_cut(4, first, last) for networks in lists):
            return None
        return self._shown(4, first, upper >> 16 == 127)

    def _shown(self, version: int, number: int, is_loopback: bool) -> _Shown:
        networks, asn = lists_with(version, number, self._signs)
        is_proxy = self._trusted.label_at(version, number) is not None
        sort = self._sorts.setdefault((networks, asn, is_loopback), len(self._sorts) + 1)
        return networks, asn, is_loopback, is_proxy, sort


_NO_ADDRESS = Place("", "", frozenset(), None, False, False, 0)
