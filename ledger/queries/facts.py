"""Stored hits with their facts, message by message, for judging them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.records import Confidence, HitClass, HitKind, Verdict
from ledger.schema import hit


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """One stored hit. ``message_seq`` is None when its message is not known, ``facts`` when none were kept."""

    seq: int
    id: str
    at: datetime
    kind: HitKind
    message_seq: int | None
    copy: int
    link: int
    method: str
    verdict: Verdict
    user_agent: str
    ip: str
    facts: Mapping[str, Any] | None


async def count_hits_since(connection: AsyncConnection, since: datetime | None) -> int:
    statement = select(func.count()).select_from(hit)
    if since is not None:
        statement = statement.where(hit.c.at >= since)
    return (await connection.execute(statement)).scalar_one()


async def facts_of_messages(
    connection: AsyncConnection, since: datetime | None, after: tuple[int, int], limit: int
) -> list[StoredFacts]:
    """Hits on known messages in the order of message and arrival, beginning after that (message seq, hit seq)."""
    statement = (
        select(hit)
        .where(hit.c.message_seq.is_not(None), tuple_(hit.c.message_seq, hit.c.seq) > after)
        .order_by(hit.c.message_seq, hit.c.seq)
        .limit(limit)
    )
    return await _rows(connection, statement, since)


async def facts_without_message(
    connection: AsyncConnection, since: datetime | None, after: int, limit: int
) -> list[StoredFacts]:
    """The other hits, in the order of arrival, beginning after that hit seq."""
    statement = select(hit).where(hit.c.message_seq.is_(None), hit.c.seq > after).order_by(hit.c.seq).limit(limit)
    return await _rows(connection, statement, since)


async def _rows(connection: AsyncConnection, statement: Any, since: datetime | None) -> list[StoredFacts]:
    if since is not None:
        statement = statement.where(hit.c.at >= since)
    return [_stored(dict(row._mapping)) for row in await connection.execute(statement)]


def _stored(row: Mapping[str, Any]) -> StoredFacts:
    verdict = Verdict(HitClass(row["class"]), Confidence(row["confidence"]), row["rule"])
    facts = row["facts"] if isinstance(row["facts"], dict) else None
    return StoredFacts(
        row["seq"], row["id"], row["at"], HitKind(row["kind"]), row["message_seq"], row["copy"], row["link"],
        row["method"], verdict, row["user_agent"], row["ip"], facts,
    )  # fmt: skip
