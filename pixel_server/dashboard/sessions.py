"""Sessions of the page: the cookie, who it belongs to, and the token that forms carry.

The cookie holds 256 random bits; the ledger keeps only their hash. A form's token is made from the cookie, so there
is nothing more to keep and nothing that another site could know.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_network

from aiohttp import web

from ledger.accounts import add_session, end_session, extend_session, secret_hash
from ledger.faults import LedgerUnavailable
from ledger.queries.accounts import account_of_session
from pixel_server.dashboard.keys import DESK, Desk, Reader
from pixel_server.dashboard.visitors import client_of
from pixel_server.public.sources import source_of
from pixel_server.session_cookie import COOKIE, LONGEST_COOKIE

LASTS = timedelta(days=14)


async def reader_of(request: web.Request, now: datetime) -> Reader | None:
    """Whose session the request's cookie names; None when it names none that lives."""
    secret = request.cookies.get(COOKIE, "")
    if not secret or len(secret) > LONGEST_COOKIE:
        return None
    async with request.app[DESK].ledger.read() as connection:
        account = await account_of_session(connection, secret_hash(secret), now)
    return Reader(account, session=secret) if account else None


async def begin(request: web.Request, response: web.StreamResponse, account_id: int) -> None:
    """A new session in a new cookie, whatever cookie the browser came with; the old session ends."""
    desk, now = request.app[DESK], request.app[DESK].clock()
    await _end_presented(desk, request)
    secret = secrets.token_urlsafe(32)
    await desk.ledger.write(add_session, account_id, secret_hash(secret), now, now + LASTS, network_of(request))
    response.set_cookie(
        COOKIE, secret, max_age=int(LASTS.total_seconds()), httponly=True, samesite="Strict", path="/",
        secure=request.headers.get("X-Forwarded-Proto") == "https",
    )  # fmt: skip


async def refresh(request: web.Request, reader: Reader) -> None:
    """Keeps a session that is in use alive, and its network known for telling own hits; once an hour."""
    desk = request.app[DESK]
    if desk.ledger.fault is not None:
        return  # reading goes on without that, and need not wait for it
    if desk.refresh_rate.take(secret_hash(reader.session).hex(), time.monotonic()):
        return
    with suppress(LedgerUnavailable):
        await desk.ledger.write(extend_session, secret_hash(reader.session), desk.clock() + LASTS, network_of(request))


async def end(request: web.Request, response: web.StreamResponse) -> None:
    await _end_presented(request.app[DESK], request)
    response.del_cookie(COOKIE, path="/")


async def _end_presented(desk: Desk, request: web.Request) -> None:
    presented = request.cookies.get(COOKIE, "")
    if presented and len(presented) <= LONGEST_COOKIE:
        await desk.ledger.write(end_session, secret_hash(presented))


def form_token(session_secret: str) -> str:
    """What a form of that session carries."""
    return hmac.digest(session_secret.encode(), b"form", hashlib.sha256).hex()[:40]


def is_form_token(session_secret: str, presented: str) -> bool:
    return bool(session_secret) and hmac.compare_digest(form_token(session_secret).encode(), presented.encode())


def network_of(request: web.Request) -> str:
    """The source somebody reads from, for telling own hits; empty on loopback, which says nothing."""
    source = source_of(client_of(request))
    try:
        loopback = ip_network(source, strict=False).is_loopback
    except ValueError:
        return ""
    return "" if loopback else source
