"""Who may look: accounts, their addresses, sessions and API tokens; and the hashing of passwords.

Passwords are kept as argon2id, session and token secrets as SHA-256 (they are random, so nothing slower is needed).
Hashing takes a tenth of a second and 64 MB, so it runs in a thread, two at a time; an unknown user costs the same.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, insert, select, update

from ledger.changes import change
from ledger.schema import account, account_address, api_token, session

AT_ONCE = 2
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000  # hashing takes its time by length
LONGEST_NAME = 100
# What a token may do; one without any scope may do all.
READ, WRITE = "read", "write"


def may_be_password(text: str) -> bool:
    """Whether an account may get this password, wherever it is set. One set before the rule goes on to work."""
    return SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD


def may_be_name(text: str) -> bool:
    """Whether an account may be called so: nothing that cannot be seen or typed."""
    return bool(text.strip()) and text.isprintable() and len(text) <= LONGEST_NAME


class Passwords:
    """``hash`` and ``verify``, without blocking the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._dummy: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """False for an account that does not exist (``stored`` is None), after as much work as for one that does."""
        if stored is None:
            if self._dummy is None:
                self._dummy = await self.hash("")
            await self._matches(self._dummy, password)
            return False
        return await self._matches(stored, password)

    async def _matches(self, stored: str, password: str) -> bool:
        async with self._turns:
            try:
                return await asyncio.to_thread(self._hasher.verify, stored, password)
            except (VerificationError, InvalidHashError):
                return False


def secret_hash(secret: str) -> bytes:
    """How session cookies and API tokens are kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


@change
def add_account(
    connection: Connection, name: str, password_hash: str, admin: bool, addresses: Sequence[str], now: datetime
) -> int | None:
    """The new account's id; None when the name is taken."""
    if connection.execute(select(account.c.id).where(account.c.name == name)).first() is not None:
        return None
    values = {"name": name, "password_hash": password_hash, "admin": admin, "created_at": now, "preferences": {}}
    account_id = connection.execute(insert(account).values(values).returning(account.c.id)).scalar_one()
    set_addresses(connection, account_id, addresses)
    return int(account_id)


@change
def set_addresses(connection: Connection, account_id: int, addresses: Sequence[str]) -> None:
    connection.execute(delete(account_address).where(account_address.c.account_id == account_id))
    rows = [{"account_id": account_id, "address": one} for one in dict.fromkeys(map(_plain, addresses))]
    if rows:
        connection.execute(insert(account_address), rows)


def _plain(address: str) -> str:
    return address.strip().removeprefix("<").removesuffix(">").lower()


@change
def set_password(connection: Connection, account_id: int, password_hash: str) -> bool:
    """Ends all sessions of the account as well. False when there is no such account."""
    connection.execute(delete(session).where(session.c.account_id == account_id))
    return _changed(connection, update(account).where(account.c.id == account_id).values(password_hash=password_hash))


@change
def set_preferences(connection: Connection, account_id: int, preferences: Mapping[str, Any]) -> bool:
    return _changed(connection, update(account).where(account.c.id == account_id).values(preferences=dict(preferences)))


@change
def set_seen(connection: Connection, account_id: int, hit_seq: int) -> bool:
    """What the bell has shown; never goes back."""
    return _changed(
        connection,
        update(account)
        .where(account.c.id == account_id, account.c.seen_hit_seq < hit_seq)
        .values(seen_hit_seq=hit_seq),
    )


@change
def remove_account(connection: Connection, account_id: int, even_the_last: bool = False) -> bool | None:
    """With its addresses, sessions and tokens; mail and hits stay. False when there is none; None when it is the last
    administrator and stays, since nobody could add another one from the page."""
    admins = list(connection.execute(select(account.c.id).where(account.c.admin).limit(2)).scalars())
    if admins == [account_id] and not even_the_last:
        return None
    return _changed(connection, delete(account).where(account.c.id == account_id))


@change
def add_session(
    connection: Connection, account_id: int, id_hash: bytes, now: datetime, expires_at: datetime, network: str
) -> None:
    connection.execute(delete(session).where(session.c.expires_at <= now))
    connection.execute(
        insert(session).values(
            id_hash=id_hash, account_id=account_id, created_at=now, expires_at=expires_at, client_network=network
        )
    )


@change
def extend_session(connection: Connection, id_hash: bytes, expires_at: datetime, network: str) -> bool:
    values = {"expires_at": expires_at, "client_network": network}
    return _changed(connection, update(session).where(session.c.id_hash == id_hash).values(values))


@change
def end_session(connection: Connection, id_hash: bytes) -> bool:
    return _changed(connection, delete(session).where(session.c.id_hash == id_hash))


@change
def add_token(
    connection: Connection, account_id: int, token_hash: bytes, label: str, scopes: Sequence[str], now: datetime
) -> int:
    values = {"account_id": account_id, "token_hash": token_hash, "label": label, "scopes": list(scopes)}
    statement = insert(api_token).values(created_at=now, **values).returning(api_token.c.id)
    return int(connection.execute(statement).scalar_one())


@change
def revoke_token(connection: Connection, token_id: int, now: datetime) -> bool:
    """False when there is no such token or it is revoked already."""
    return _changed(
        connection,
        update(api_token).where(api_token.c.id == token_id, api_token.c.revoked_at.is_(None)).values(revoked_at=now),
    )


@change
def note_token_use(connection: Connection, token_id: int, now: datetime) -> bool:
    return _changed(connection, update(api_token).where(api_token.c.id == token_id).values(last_used_at=now))


def _changed(connection: Connection, statement: Any) -> bool:
    return bool(connection.execute(statement).rowcount)
