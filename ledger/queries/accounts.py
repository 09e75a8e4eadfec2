"""Who an account, a session cookie or an API token is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.queries.rows import Viewer
from ledger.schema import account, account_address, api_token, session


@dataclass(frozen=True, slots=True)
class AccountRow:
    id: int
    name: str
    password_hash: str
    admin: bool
    created_at: datetime
    preferences: Mapping[str, Any]
    seen_hit_seq: int
    addresses: tuple[str, ...]

    def __repr__(self) -> str:
        return f"AccountRow(id={self.id}, admin={self.admin})"

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.name, self.addresses, self.admin)


@dataclass(frozen=True, slots=True)
class TokenRow:
    id: int
    account_id: int
    account: str
    label: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


async def count_accounts(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.count()).select_from(account))).scalar_one())


async def list_accounts(connection: AsyncConnection) -> list[AccountRow]:
    rows = await connection.execute(select(account).order_by(account.c.name))
    return [await _account(connection, row) for row in rows.all()]


async def account_named(connection: AsyncConnection, name: str) -> AccountRow | None:
    if "\0" in name:  # nobody's (ledger.accounts.may_be_name), and PostgreSQL refuses the question
        return None
    return await _account_where(connection, account.c.name == name)


async def account_with_id(connection: AsyncConnection, account_id: int) -> AccountRow | None:
    return await _account_where(connection, account.c.id == account_id)


async def account_of_session(connection: AsyncConnection, id_hash: bytes, now: datetime) -> AccountRow | None:
    """None for a session that is not there or has expired."""
    mine = select(session.c.account_id).where(session.c.id_hash == id_hash, session.c.expires_at > now)
    return await _account_where(connection, account.c.id == mine.scalar_subquery())


async def token_with_hash(connection: AsyncConnection, token_hash: bytes) -> TokenRow | None:
    """None for a token that is not there or was revoked."""
    found = await _tokens(connection, (api_token.c.token_hash == token_hash) & api_token.c.revoked_at.is_(None))
    return found[0] if found else None


async def list_tokens(connection: AsyncConnection, account_id: int | None = None) -> list[TokenRow]:
    """Revoked ones too; of all accounts when none is named."""
    return await _tokens(connection, account.c.id == account_id if account_id is not None else account.c.id > 0)


async def _tokens(connection: AsyncConnection, condition: ColumnElement[bool]) -> list[TokenRow]:
    rows = await connection.execute(
        select(api_token, account.c.name)
        .join(account, account.c.id == api_token.c.account_id)
        .where(condition)
        .order_by(api_token.c.id)
    )
    return [
        TokenRow(
            row.id, row.account_id, row.name, row.label, tuple(row.scopes), row.created_at, row.last_used_at,
            row.revoked_at,
        )
        for row in rows
    ]  # fmt: skip


async def _account_where(connection: AsyncConnection, condition: ColumnElement[bool]) -> AccountRow | None:
    row = (await connection.execute(select(account).where(condition))).first()
    return None if row is None else await _account(connection, row)


async def _account(connection: AsyncConnection, row: Any) -> AccountRow:
    addresses = await connection.execute(
        select(account_address.c.address).where(account_address.c.account_id == row.id).order_by("address")
    )
    return AccountRow(
        row.id, row.name, row.password_hash, row.admin, row.created_at, row.preferences, row.seen_hit_seq,
        tuple(addresses.scalars()),
    )  # fmt: skip
