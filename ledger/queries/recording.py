"""What the pixel server asks before it answers a hit: whether to record, since when, and where a link leads."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, literal, select, tuple_, union
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.consent_schema import silence
from ledger.message_id import MessageId
from ledger.recording import UNKNOWN, RecordingState
from ledger.records import State
from ledger.schema import copy, link, message, session

# A sender's networks are looked for among this many of their latest messages.
OWN_LOOKBACK = 200


# Which copy of which message.
Asked = tuple[MessageId, int]


async def recordings(
    connection: AsyncConnection, asked: Collection[Asked], now: datetime, own_window: timedelta
) -> dict[Asked, RecordingState]:
    """Of each copy; UNKNOWN for messages the ledger does not have. ``own_window``: how long the address somebody sent
    from counts as their own. Asks four times, however many copies there are."""
    rows = {bytes(row.id): row for row in await connection.execute(_messages({one.raw for one, _ in asked}))}
    copies = {(rows[one.raw].seq, number): (one, number) for one, number in asked if one.raw in rows}
    accepted = await _accepted(connection, list(copies))
    silent = await _silent(connection, list(copies))
    networks = await _own_networks(connection, {(row.login, row.sender) for row in rows.values()}, now, own_window)
    found = dict.fromkeys(asked, UNKNOWN)
    for key, (one, number) in copies.items():
        row = rows[one.raw]
        accepted_at = accepted.get(key) or row.accepted_at
        awaited = row.submitted_at if accepted_at is None and row.state == State.QUEUED.value else None
        found[one, number] = RecordingState(
            True, accepted_at, awaited, row.stopped_at, row.record_until, row.tracked_links,
            networks[row.login, row.sender], silent.get(key, frozenset()), row.counts_only,
        )  # fmt: skip
    return found


def _messages(ids: set[bytes]) -> Select[Any]:
    links = select(func.count()).where(link.c.message_seq == message.c.seq, link.c.tracked).scalar_subquery()
    columns = ("id", "seq", "login", "sender", "submitted_at", "state", "accepted_at", "stopped_at", "record_until",
               "counts_only")  # fmt: skip
    return select(*(message.c[name] for name in columns), links.label("tracked_links")).where(message.c.id.in_(ids))


async def _accepted(connection: AsyncConnection, keys: list[tuple[int, int]]) -> dict[tuple[int, int], datetime]:
    among = tuple_(copy.c.message_seq, copy.c.number).in_(keys)
    rows = await connection.execute(select(copy.c.message_seq, copy.c.number, copy.c.accepted_at).where(among))
    return {(row.message_seq, row.number): row.accepted_at for row in rows if row.accepted_at is not None}


async def _silent(connection: AsyncConnection, keys: list[tuple[int, int]]) -> dict[tuple[int, int], frozenset[str]]:
    among = tuple_(silence.c.message_seq, silence.c.copy).in_(keys)
    found: dict[tuple[int, int], frozenset[str]] = {}
    for row in await connection.execute(select(silence.c.message_seq, silence.c.copy, silence.c.kind).where(among)):
        key = (row.message_seq, row.copy)
        found[key] = found.get(key, frozenset()) | {row.kind}
    return found


async def _own_networks(
    connection: AsyncConnection, owners: Collection[tuple[str, str]], now: datetime, window: timedelta
) -> dict[tuple[str, str], frozenset[str]]:
    of_sessions = select(literal(None).label("login"), literal(None).label("sender"), session.c.client_network)
    parts = [of_sessions.where(session.c.expires_at > now, session.c.client_network != "")]
    for login, sender in owners:
        latest = (
            select(message.c.login, message.c.sender, message.c.client_network, message.c.submitted_at)
            .where(message.c.sender == sender)
            .order_by(message.c.seq.desc())
            .limit(OWN_LOOKBACK)
            .subquery()
        )
        parts.append(
            select(latest.c.login, latest.c.sender, latest.c.client_network).where(
                latest.c.login == login, latest.c.submitted_at >= now - window, latest.c.client_network != ""
            )
        )
    everybodys: set[str] = set()
    found: dict[tuple[str, str], set[str]] = {owner: set() for owner in owners}
    for row in await connection.execute(union(*parts)):
        (everybodys if row.login is None else found[row.login, row.sender]).add(row.client_network)
    return {owner: frozenset(networks | everybodys) for owner, networks in found.items()}


async def live_sessions(connection: AsyncConnection, now: datetime) -> frozenset[bytes]:
    """The hashes of all sessions that have not expired."""
    rows = await connection.execute(select(session.c.id_hash).where(session.c.expires_at > now))
    return frozenset(bytes(found) for found in rows.scalars())


async def destination(connection: AsyncConnection, message_id: MessageId, number: int) -> str | None:
    """Where a tracked link leads, for a link whose ``u`` was lost on the way; the token still has to verify."""
    row = await connection.execute(
        select(link.c.url)
        .join(message, message.c.seq == link.c.message_seq)
        .where(message.c.id == message_id.raw, link.c.number == number, link.c.tracked)
    )
    return row.scalar()
