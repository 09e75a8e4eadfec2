"""Questions about notices: what is new, what is due, who owns a message, which messages want a reminder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.message_id import MessageId
from ledger.notice_schema import REMINDED, notice
from ledger.queries.hits import BESIDE, hit_row
from ledger.queries.messages import message_row
from ledger.queries.rows import HitRow, MessageRow
from ledger.schema import copy, hit, link, message, note

AT_ONCE = 200
CONFIRMED = ("human", "image-proxy")


@dataclass(frozen=True, slots=True)
class News:
    """A confirmed hit, its message, and whether it is the first of its kind for its copy."""

    hit: HitRow
    message: MessageRow
    first: bool


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that waits to be sent."""

    seq: int
    account_id: int
    message_id: MessageId
    cause: str
    way: str
    attempts: int
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One line of the log of deliveries."""

    message_id: MessageId
    subject: str
    way: str
    made_at: datetime
    attempts: int
    state: str
    answer: str


async def looked_at(connection: AsyncConnection) -> int | None:
    """Up to which hit everything was decided about; None before the first start."""
    value = (await connection.execute(select(note.c.value).where(note.c.key == "notices-looked-at"))).scalar()
    return int(value) if isinstance(value, int) else None


async def news_after(connection: AsyncConnection, seq: int) -> tuple[list[News], int]:
    """Confirmed, counted hits after that one, oldest first, and the number up to which was looked."""
    rows = (
        await connection.execute(
            select(hit, *BESIDE)
            .outerjoin(message, message.c.seq == hit.c.message_seq)
            .outerjoin(copy, and_(copy.c.message_seq == hit.c.message_seq, copy.c.number == hit.c.copy))
            .outerjoin(link, and_(link.c.message_seq == hit.c.message_seq, link.c.number == hit.c.link, hit.c.link > 0))
            .where(hit.c.seq > seq)
            .order_by(hit.c.seq)
            .limit(AT_ONCE)
        )
    ).all()
    found = []
    for row in rows:
        if row.message_seq is not None and row.counted and row._mapping["class"] in CONFIRMED:
            of = (await connection.execute(select(message).where(message.c.seq == row.message_seq))).one()
            found.append(News(hit_row(row), message_row(of), await _is_first(connection, row)))
    return found, rows[-1].seq if rows else seq


async def is_confirmed(connection: AsyncConnection, hit_id: str) -> bool:
    """Whether a hit still counts as a person's; its class may have changed since."""
    found = (await connection.execute(select(hit.c["class"]).where(hit.c.id == hit_id))).scalar()
    return found in CONFIRMED


async def due(connection: AsyncConnection, now: datetime) -> list[Due]:
    rows = await connection.execute(
        select(notice, message.c.id)
        .join(message, message.c.seq == notice.c.message_seq)
        .where(text("notice.state = 'waiting'"), notice.c.next_at <= now)
        .order_by(notice.c.next_at)
        .limit(AT_ONCE)
    )
    return [
        Due(row.seq, row.account_id, MessageId(bytes(row.id)), row.cause, row.way, row.attempts, row.said)
        for row in rows
    ]


async def next_due(connection: AsyncConnection) -> datetime | None:
    waiting = select(func.min(notice.c.next_at)).where(text("notice.state = 'waiting'"))
    found: datetime | None = (await connection.execute(waiting)).scalar()
    return found


async def to_be_reminded(connection: AsyncConnection, now: datetime) -> list[MessageRow]:
    """Messages that ask for a reminder, were not opened, and had none yet."""
    told = select(notice.c.seq).where(notice.c.message_seq == message.c.seq, notice.c.cause == "unopened")
    rows = await connection.execute(
        select(message)
        .where(text(REMINDED), message.c.submitted_at <= now, message.c.stopped_at.is_(None), ~told.exists())
        .order_by(message.c.submitted_at)
        .limit(AT_ONCE * 10)
    )
    return [message_row(row) for row in rows]


async def list_deliveries(connection: AsyncConnection, account_id: int, limit: int = 20) -> list[Delivery]:
    """The newest notices of an account, and how they went."""
    rows = await connection.execute(
        select(notice, message.c.id, message.c.subject)
        .join(message, message.c.seq == notice.c.message_seq)
        .where(notice.c.account_id == account_id)
        .order_by(notice.c.seq.desc())
        .limit(limit)
    )
    return [
        Delivery(MessageId(bytes(row.id)), row.subject, row.way, row.made_at, row.attempts, row.state, row.answer)
        for row in rows
    ]


async def _is_first(connection: AsyncConnection, row: Any) -> bool:
    earlier = select(hit.c.seq).where(
        hit.c.message_seq == row.message_seq,
        hit.c.seq < row.seq,
        hit.c.kind == row.kind,
        hit.c.copy == row.copy,
        hit.c["class"].in_(CONFIRMED),
    )
    return (await connection.execute(earlier.limit(1))).first() is None
