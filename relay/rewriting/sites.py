"""Which site a host name belongs to: the registrable domain, by the Public Suffix List.

Mail programs compare link text and link target by registrable domain. The list (publicsuffix.org, ICANN's and the
platforms' part) has ten thousand entries; it is read when a text first names a host that could be on the tracking
host's site, or ends like a host beyond ASCII, which most installations' mail never does. An entry that is too new for
it makes two customers of a platform look like one site, which costs at worst a warning in the reader's mail program,
never a wrong link. IP addresses and single labels compare whole. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

import idna
from publicsuffixlist import PublicSuffixList

_HOST = re.compile(r"(?:[^/@?#\\]*@)?(\[[^\]]*\]|[^:/?#\\]*)")


def host_of(url: str) -> str:
    """The host of an http(s) URL in lower case and ASCII, without port and trailing dot; empty when there is none."""
    _, _, rest = url.partition("://")
    match = _HOST.match(rest)
    return ascii_host(match[1]) if match else ""


@lru_cache(maxsize=1024)
def ascii_host(host: str) -> str:
    """A host name as it is compared: lower case, IDNA, no brackets, no trailing dot. What cannot be encoded stays."""
    host = host.strip("[]").lower().rstrip(".\u3002\uff0e\uff61")
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True, std3_rules=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return host


def is_same_site(host: str, other: str) -> bool:
    """Whether two hosts (as ``ascii_host`` gives them) are of one registrable domain."""
    # One that holds them both has two labels at least.
    return host == other or (host.split(".")[-2:] == other.split(".")[-2:] and site_of(host) == site_of(other))


@lru_cache(maxsize=1024)
def site_of(host: str) -> str:
    """The registrable domain of a host (as ``ascii_host`` gives it): what a mail program compares."""
    if "." not in host or is_address(host):
        return host
    return _suffixes().privatesuffix(host) or host


@lru_cache(maxsize=256)
def is_top_level(label: str) -> bool:
    """Whether a label (as ``ascii_host`` gives it) is a top-level domain that exists."""
    return _suffixes().publicsuffix(label, accept_unknown=False) is not None


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # takes 2 MB, and once 0.1 s


def is_address(host: str) -> bool:
    """Whether the host is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether the host can only be the reader's own machine, where no other site can be meant."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 section 6.3
        return True
    return is_address(host) and ip_address(host).is_loopback


def is_within(host: str, domain: str) -> bool:
    """Whether the host is the domain or a subdomain of it; both as ``ascii_host`` gives them."""
    return host == domain or host.endswith("." + domain)
