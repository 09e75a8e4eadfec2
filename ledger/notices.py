"""Writes notices: which are due, what became of each attempt, and up to which hit everything was looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from ledger.changes import change_that_waits
from ledger.notice_schema import notice
from ledger.schema import note

_LOOKED_AT = "notices-looked-at"
DIGEST_NOTE = "digest-"  # and the account's number


@change_that_waits
def add_notices(connection: Connection, made: Sequence[Mapping[str, Any]], looked_at: int | None) -> None:
    """Adds notices that are not there yet. ``looked_at``: the hit up to which all were decided about."""
    for values in made:
        same = select(notice.c.seq).where(
            *(notice.c[name] == values[name] for name in ("account_id", "message_seq", "cause", "way"))
        )
        if connection.execute(same).first() is None:
            connection.execute(insert(notice).values(state="waiting", **values))
    if looked_at is not None:
        connection.execute(delete(note).where(note.c.key == _LOOKED_AT))
        connection.execute(insert(note).values(key=_LOOKED_AT, value=looked_at))


@change_that_waits
def settle_notice(connection: Connection, seq: int, state: str, answer: str, next_at: datetime | None = None) -> None:
    """What became of an attempt; with ``next_at`` it is tried again then."""
    values: dict[str, Any] = {"state": state, "answer": answer[:500], "attempts": notice.c.attempts + 1}
    if next_at is not None:
        values["next_at"] = next_at
    connection.execute(update(notice).where(notice.c.seq == seq).values(values))


@change_that_waits
def note_digest(connection: Connection, account_id: int, until: str) -> None:
    """Up to when (ISO 8601) an account was told, or excused: what was before it asked for digests is not told."""
    forget_digest_of(connection, account_id)
    connection.execute(insert(note).values(key=f"{DIGEST_NOTE}{account_id}", value=until))


@change_that_waits
def forget_digest(connection: Connection, account_id: int) -> None:
    forget_digest_of(connection, account_id)


def forget_digest_of(connection: Connection, account_id: int) -> None:
    connection.execute(delete(note).where(note.c.key == f"{DIGEST_NOTE}{account_id}"))
