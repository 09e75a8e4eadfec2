"""What a digest tells of a time: its numbers, the messages that were looked at most, and those nobody opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.notices import DIGEST_NOTE
from ledger.queries.messages import MessageFilter, list_messages, message_row, no_probe, visible
from ledger.queries.rows import MessageRow, Viewer
from ledger.queries.stats import Slot, totals
from ledger.schema import hit, message, note

LOOKED_THROUGH = 5000
LISTED = 10
UNOPENED_AFTER = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Looked:
    """A message and what people did with it in that time."""

    message: MessageRow
    opens: int
    clicks: int


@dataclass(frozen=True, slots=True)
class Digest:
    totals: Slot
    looked: tuple[Looked, ...]
    unopened: tuple[MessageRow, ...]

    @property
    def is_empty(self) -> bool:
        whole = self.totals
        return not (whole.sent or whole.opens.confirmed or whole.clicks.confirmed or self.looked or self.unopened)


async def digest(connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime) -> Digest:
    whole = await totals(connection, viewer, since, until)
    unopened = await list_messages(
        connection,
        viewer,
        # Those that came of that age in this time, so that each is told of once.
        MessageFilter(opened=False, since=since - UNOPENED_AFTER, until=until - UNOPENED_AFTER),
        limit=LISTED,
    )
    return Digest(whole, await _looked_at(connection, viewer, since, until), unopened.items)


async def digests_sent(connection: AsyncConnection) -> Mapping[int, datetime]:
    """Up to when each account has had its digest, or was excused from it."""
    rows = await connection.execute(select(note.c.key, note.c.value).where(note.c.key.startswith(DIGEST_NOTE)))
    return {int(row.key.removeprefix(DIGEST_NOTE)): datetime.fromisoformat(str(row.value)) for row in rows}


async def _looked_at(
    connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime
) -> tuple[Looked, ...]:
    newest = (
        select(hit.c.message_seq, hit.c.kind, hit.c["class"].label("hit_class"), hit.c.counted)
        .where(hit.c.at >= since, hit.c.at < until)
        .order_by(hit.c.at.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    opens, clicks = (
        func.sum(case((newest.c.kind == kind, 1), else_=0)).label(name)
        for kind, name in (("open", "n_opens"), ("click", "n_clicks"))
    )
    rows: list[Any] = list(
        await connection.execute(
            select(newest.c.message_seq, opens, clicks)
            .join(message, message.c.seq == newest.c.message_seq)
            .where(newest.c.counted, newest.c.hit_class.in_(("human", "image-proxy")), visible(viewer), no_probe())
            .group_by(newest.c.message_seq)
            .order_by(func.count().desc(), newest.c.message_seq.desc())
            .limit(LISTED)
        )
    )
    found = await connection.execute(select(message).where(message.c.seq.in_([row.message_seq for row in rows])))
    messages = {row.seq: message_row(row) for row in found}
    return tuple(Looked(messages[row.message_seq], int(row.n_opens), int(row.n_clicks)) for row in rows)
