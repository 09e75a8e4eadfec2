"""API tokens: who a bearer token speaks for, what it may do, and how often it may ask."""

from __future__ import annotations

import math
import time

from aiohttp import web

from ledger.accounts import READ as READ
from ledger.accounts import WRITE as WRITE
from ledger.accounts import note_token_use, secret_hash
from ledger.faults import LedgerUnavailable
from ledger.queries.accounts import account_with_id, token_with_hash
from pixel_server.dashboard.keys import DESK, READER, Reader

NOTED_EVERY_SECONDS = 60.0


async def bearer_reader(request: web.Request) -> Reader | None:
    """Whom the Authorization header speaks for; None without one. Raises HTTPUnauthorized for one that is no good."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, secret = header.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret or len(secret) > 200:
        raise web.HTTPUnauthorized
    desk = request.app[DESK]
    now = desk.clock()
    async with desk.ledger.read() as connection:
        token = await token_with_hash(connection, secret_hash(secret))
        account = await account_with_id(connection, token.account_id) if token else None
    if token is None or account is None:
        raise web.HTTPUnauthorized
    is_noted = token.last_used_at is not None and (now - token.last_used_at).total_seconds() <= NOTED_EVERY_SECONDS
    if not is_noted and desk.ledger.fault is None:  # with a fault reading would only wait
        try:
            await desk.ledger.write(note_token_use, token.id, now)
        except LedgerUnavailable:
            pass  # reading goes on without that
    return Reader(account, scopes=token.scopes)


def demand(request: web.Request, scope: str) -> Reader:
    """The reader, when the request may do that and has not asked too often.

    Raises HTTPUnauthorized, HTTPForbidden or HTTPTooManyRequests. A session may do all that its account may.
    """
    reader: Reader | None = request.get(READER)
    if reader is None:
        raise web.HTTPUnauthorized
    wait = request.app[DESK].api_rate.take(f"{reader.account.id}", time.monotonic())
    if wait:
        raise web.HTTPTooManyRequests(headers={"Retry-After": str(math.ceil(wait))})
    if not reader.session and reader.scopes and scope not in reader.scopes:
        raise web.HTTPForbidden(text=f"This token has no scope to {scope}.")
    return reader
