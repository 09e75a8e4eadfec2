"""What the pixel server asks before it answers a hit: whether to record, since when, and where a link leads."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.consent_schema import silence
from ledger.message_id import MessageId
from ledger.recording import UNKNOWN, RecordingState
from ledger.records import State
from ledger.schema import copy, link, message, session

# A sender's networks are looked for among this many of their latest messages.
OWN_LOOKBACK = 200


async def recording(
    connection: AsyncConnection, message_id: MessageId, copy_number: int, now: datetime, own_window: timedelta
) -> RecordingState:
    """``own_window``: how long the address somebody sent from counts as their own."""
    copy_accepted = (
        select(copy.c.accepted_at)
        .where(copy.c.message_seq == message.c.seq, copy.c.number == copy_number)
        .scalar_subquery()
    )
    links = (
        select(func.count())
        .select_from(link)
        .where(link.c.message_seq == message.c.seq, link.c.tracked)
        .scalar_subquery()
    )
    row = (
        await connection.execute(
            select(
                message.c.seq,
                message.c.login,
                message.c.sender,
                func.coalesce(copy_accepted, message.c.accepted_at).label("accepted_at"),
                message.c.submitted_at,
                message.c.state,
                message.c.stopped_at,
                message.c.record_until,
                links.label("tracked_links"),
            ).where(message.c.id == message_id.raw)
        )
    ).first()
    if row is None:
        return UNKNOWN
    networks = await _own_networks(connection, row.login, row.sender, now, own_window)
    withdrawn = select(silence.c.kind).where(silence.c.message_seq == row.seq, silence.c.copy == copy_number)
    silent = frozenset((await connection.execute(withdrawn)).scalars())
    awaited = row.submitted_at if row.accepted_at is None and row.state == State.QUEUED.value else None
    return RecordingState(
        True, row.accepted_at, awaited, row.stopped_at, row.record_until, row.tracked_links, networks, silent
    )


async def _own_networks(
    connection: AsyncConnection, login: str, sender: str, now: datetime, window: timedelta
) -> frozenset[str]:
    latest = (
        select(message.c.client_network, message.c.submitted_at, message.c.login)
        .where(message.c.sender == sender)
        .order_by(message.c.seq.desc())
        .limit(OWN_LOOKBACK)
        .subquery()
    )
    of_mail = select(latest.c.client_network).where(
        and_(latest.c.login == login, latest.c.submitted_at >= now - window, latest.c.client_network != "")
    )
    of_sessions = select(session.c.client_network).where(session.c.expires_at > now, session.c.client_network != "")
    rows = await connection.execute(of_mail.union(of_sessions))
    return frozenset(rows.scalars())


async def destination(connection: AsyncConnection, message_id: MessageId, number: int) -> str | None:
    """Where a tracked link leads, for a link whose ``u`` was lost on the way; the token still has to verify."""
    row = await connection.execute(
        select(link.c.url)
        .join(message, message.c.seq == link.c.message_seq)
        .where(message.c.id == message_id.raw, link.c.number == number, link.c.tracked)
    )
    return row.scalar()
