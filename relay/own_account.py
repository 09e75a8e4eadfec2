"""Logs the relay's own account in over a session with the upstream that is open already (``login = "account"``).

Tries the ways to log in that the upstream offers, as aiosmtplib does while it connects (relay/dialing.py): some servers
name one that they do not keep. The password is never logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiosmtplib import SMTPAuthenticationError
from aiosmtplib.auth import auth_crammd5_verify, auth_login_encode, auth_plain_encode

from relay.destination import Credentials
from relay.replies import Fault, Reply, UpstreamFault
from relay.upstream import UpstreamLink

_CANCEL = b"*"


async def log_in(link: UpstreamLink, account: Credentials, seconds: float) -> Reply:
    """The upstream's 235. ``seconds`` is for all of it. Raises UpstreamFault, and then the link is gone."""

    async def ask(line: bytes) -> Reply:
        return await link.ask(line, seconds)

    try:
        async with asyncio.timeout(seconds):
            reply = await _tried(link, ask, account)
    except TimeoutError:
        link.abandon()
        raise UpstreamFault(Fault.UPSTREAM_SLOW, "no login in time") from None
    if reply is None:
        link.leave()
        raise UpstreamFault(Fault.UPSTREAM_LOGIN, "login refused")
    return reply


_Ask = Callable[[bytes], Awaitable[Reply]]


async def _tried(link: UpstreamLink, ask: _Ask, account: Credentials) -> Reply | None:
    """The 235, or None when every way that is offered was refused."""
    offered = {name.upper() for name in link.capabilities.mechanisms}
    for name, exchange in _MECHANISMS.items():
        if name in offered:
            reply = await exchange(ask, account)
            if reply.code == 235:
                return reply
            if reply.code == 334:
                await ask(_CANCEL)
    return None


async def _cram_md5(ask: _Ask, account: Credentials) -> Reply:
    reply = await ask(b"AUTH CRAM-MD5")
    if reply.code != 334:
        return reply
    try:
        answer = auth_crammd5_verify(account.username, account.password, reply.raw[4:].strip())
    except (SMTPAuthenticationError, ValueError):  # no challenge; or an OpenSSL in FIPS mode, which knows no MD5
        return reply
    return await ask(answer)


async def _plain(ask: _Ask, account: Credentials) -> Reply:
    return await ask(b"AUTH PLAIN " + auth_plain_encode(account.username, account.password))


async def _login(ask: _Ask, account: Credentials) -> Reply:
    reply = await ask(b"AUTH LOGIN")
    for answer in auth_login_encode(account.username, account.password):
        if reply.code == 334:
            reply = await ask(answer)
    return reply


_MECHANISMS: dict[bytes, Callable[[_Ask, Credentials], Awaitable[Reply]]] = {
    b"CRAM-MD5": _cram_md5,
    b"PLAIN": _plain,
    b"LOGIN": _login,
}
