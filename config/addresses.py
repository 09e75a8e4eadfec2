"""Addresses in relay.toml: to listen at ("127.0.0.1:2525", "[::1]:2525", "*:25"), hosts, and recipients. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator


def _parse_bind(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError('must be text in quotes, like "127.0.0.1:2525"')
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f'"{text}" is no address; write it like "127.0.0.1:2525" or "[::1]:2525"')
    bare = host.removeprefix("[").removesuffix("]")
    if bare not in ("localhost", "*") and not _is_ip_address(bare):
        raise ValueError(f'"{bare}" is no IP address; also understood: localhost, and * for every address')
    return text


def _is_ip_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


# What stands beside a name where somebody wrote more than the name, and the wildcard that these settings do not know.
_NO_PART_OF_A_NAME = re.compile(r"[\s/@,;:*<>\"'\[\]\\]")
_WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([^\[\]:]*))(?::[0-9]{1,5})?")


def _is_host(text: str) -> bool:
    """Whether this can be a host name or an IP address and has nothing beside it, such as a port or ``https://``."""
    return _is_ip_address(text) or (bool(text) and not _NO_PART_OF_A_NAME.search(text))


def _host_alone(text: str) -> str:
    if text and not _is_host(text):
        raise ValueError(f'"{text}" is no host name; write the name alone, the port has a setting of its own')
    return text


def _host_perhaps_with_port(text: str) -> str:
    match = _WITH_PORT.fullmatch(text)
    if not match or not _is_host(match[1] or match[2] or ""):  # it would let nobody in, and nobody would know why
        raise ValueError(f'"{text}" is no host name; write it like "mail.example.com"')
    return text


def _address_or_domain(text: str) -> str:
    local, at, domain = text.strip().removeprefix("<").rpartition("@")
    bare = re.sub(r"^\[(?:ipv6:)?", "", domain.strip().removesuffix(">"), flags=re.IGNORECASE).removesuffix("]")
    if (
        not at or local == "*" or "<" in local or not _is_host(bare)
    ):  # it would match nobody, and somebody would be tracked after all
        raise ValueError(f'"{text}" is no address; write a whole domain as "@example.com"')
    return text


Bind = Annotated[str, BeforeValidator(_parse_bind)]
Host = Annotated[str, AfterValidator(_host_alone)]
AllowedHost = Annotated[str, AfterValidator(_host_perhaps_with_port)]
Recipients = Annotated[str, AfterValidator(_address_or_domain)]


def host_and_port(bind: str) -> tuple[str, int]:
    """("127.0.0.1", 2525) for a checked bind; "*" becomes the wildcard of both families (empty host)."""
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    return ("" if host == "*" else host), int(port)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host == "localhost":
        return True
    return _is_ip_address(host) and ip_address(host).is_loopback


def reaches(host: str, port: int, bind: str) -> bool:
    """Whether a connection to that host and port surely ends at what listens at ``bind``. Names are not looked up."""
    bound_host, bound_port = host_and_port(bind)
    if port != bound_port or not port or not (_is_ip_address(host) or host == "localhost"):
        return False
    if is_every_address(bound_host):
        return is_loopback(host) or is_every_address(host)
    if host == "localhost" or bound_host == "localhost":
        return {host, bound_host} <= {"localhost", "127.0.0.1", "::1"}
    return ip_address(host) == ip_address(bound_host)


def is_every_address(host: str) -> bool:
    """Whether a host to listen at is all addresses of the machine."""
    return not host or (_is_ip_address(host) and ip_address(host).is_unspecified)
