"""Which tags and senders there are to filter by, of a viewer's newer mail."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.queries.messages import visible
from ledger.queries.rows import Viewer
from ledger.schema import message, tag

# Among a million messages, the newest say what somebody would filter by; a walk through all would be for nothing.
LOOKED_THROUGH = 2000
OFFERED = 30


async def used_tags(connection: AsyncConnection, viewer: Viewer) -> list[str]:
    """Tags of newer messages, the most used first."""
    newest = (
        select(message.c.seq).where(visible(viewer)).order_by(message.c.seq.desc()).limit(LOOKED_THROUGH).subquery()
    )
    counted = (
        select(tag.c.word)
        .select_from(newest)
        .join(tag, tag.c.message_seq == newest.c.seq)
        .group_by(tag.c.word)
        .order_by(func.count().desc(), tag.c.word)
        .limit(OFFERED)
    )
    return list((await connection.execute(counted)).scalars())


async def used_senders(connection: AsyncConnection, viewer: Viewer) -> list[str]:
    """Senders of newer messages, the most used first."""
    newest = (
        select(message.c.sender)
        .where(visible(viewer), message.c.sender != "")
        .order_by(message.c.seq.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    counted = (
        select(newest.c.sender).group_by(newest.c.sender).order_by(func.count().desc(), newest.c.sender).limit(OFFERED)
    )
    return list((await connection.execute(counted)).scalars())
