"""Webhooks after the Standard Webhooks scheme, sent so that they can reach nothing inside.

Signature: HMAC-SHA256 over "id.timestamp.body" with the secret behind ``whsec_`` (standardwebhooks.com, section
"Signature scheme"). A reader's address is a stranger's word: it is resolved once, every address it has must be a
public one, the connection goes to just that address, and a redirect is an answer like any other.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import socket
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

PATIENCE_SECONDS = 5.0
LONGEST_ANSWER = 64 * 1024
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: a gateway makes the last 32 bits an IPv4 address again


class NotPublic(OSError):
    """The address leads inside."""


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of the webhook-signature header. A secret that is not base64 is taken as it is."""
    encoded = secret.removeprefix("whsec_")
    try:
        key = b64decode(encoded, validate=True)
    except binascii.Error:
        key = encoded.encode()
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")


def is_public(address: str) -> bool:
    """Whether an IP address is somewhere in the public internet: not loopback, private, link-local, metadata, …, nor an
    IPv6 address that leads to such an IPv4 one."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        teredo = found.teredo[1] if found.teredo else None
        nat64 = IPv4Address(int(found) & 0xFFFFFFFF) if found in NAT64 else None
        inner = found.ipv4_mapped or found.sixtofour or teredo or nat64
        if inner is not None and not inner.is_global:
            return False
    return found.is_global and not found.is_multicast


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only. What aiohttp connects to is what was looked at here."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not found or any(not is_public(one["host"]) for one in found):
            raise NotPublic(f"{host} is not in the public internet")
        return found

    async def close(self) -> None:
        await self._resolver.close()


async def send_webhook(
    url: str, secret: str, webhook_id: str, value: Mapping[str, Any], now: datetime, private: bool
) -> tuple[bool, str]:
    """Whether it was taken (2xx), and what was answered. ``private``: addresses inside are allowed."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    timestamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "mailglass",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, webhook_id, timestamp, body),
    }
    try:
        _refuse_inside(url, private)
        connector = aiohttp.TCPConnector(resolver=None if private else PublicResolver(), force_close=True)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            await answer.content.read(LONGEST_ANSWER)
            return 200 <= answer.status < 300, str(answer.status)
    except TimeoutError:
        return False, "no answer in time"
    except (aiohttp.ClientError, OSError, ValueError) as fault:
        return False, type(fault).__name__


def _refuse_inside(url: str, private: bool) -> None:
    """Addresses written as numbers are resolved by nobody, so they are looked at here; so is the scheme."""
    if private:
        return
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise NotPublic("a webhook needs https")
    host = parts.hostname or ""
    # 2130706433, 0x7f.1 and the like: what the system's resolver would take for an address is one.
    try:
        numeric = socket.inet_ntoa(socket.inet_aton(host)) if ":" not in host else host
    except OSError:
        return
    if not is_public(numeric):
        raise NotPublic(f"{host} is not in the public internet")
