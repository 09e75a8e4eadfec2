"""The one-time set-up address: whoever has its secret makes the first account, an administrator's. Nobody else can.

Only the secret's hash is kept, so each start of ``run`` without an account makes a new one and the last one counts.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access import Ledger
from ledger.accounts import add_account, secret_hash
from ledger.changes import change
from ledger.queries.accounts import count_accounts
from ledger.schema import account, note

_KEY = "first-account"


async def offer_first_account(ledger: Ledger) -> str | None:
    """The path of the set-up page, with its secret; None when there is an account already.

    Raises LedgerUnavailable.
    """
    async with ledger.read() as connection:
        if await count_accounts(connection):
            return None
    secret = secrets.token_urlsafe(24)
    await ledger.write(keep_first_secret, secret_hash(secret).hex())
    return f"/welcome/{secret}"


async def is_first_secret(connection: AsyncConnection, secret: str) -> bool:
    """Whether a first account can be made with it."""
    if await count_accounts(connection):
        return False
    kept = (await connection.execute(select(note.c.value).where(note.c.key == _KEY))).scalar()
    return isinstance(kept, str) and hmac.compare_digest(kept, secret_hash(secret).hex())


@change
def keep_first_secret(connection: Connection, hashed: str) -> None:
    connection.execute(delete(note).where(note.c.key == _KEY))
    connection.execute(insert(note).values(key=_KEY, value=hashed))


@change
def make_first_account(connection: Connection, hashed: str, name: str, password_hash: str, now: datetime) -> int | None:
    """The account's id; None when there is one already or the secret is not the one that was offered."""
    if connection.execute(select(func.count()).select_from(account)).scalar_one():
        return None
    kept = connection.execute(select(note.c.value).where(note.c.key == _KEY)).scalar()
    if not isinstance(kept, str) or not hmac.compare_digest(kept, hashed):
        return None
    connection.execute(delete(note).where(note.c.key == _KEY))
    return add_account(connection, name, password_hash, True, (), now)
