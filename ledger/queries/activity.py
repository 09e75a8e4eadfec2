"""What is new for somebody who watches: the bell's number, and where to go on from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.queries.messages import visible
from ledger.queries.rows import Viewer
from ledger.schema import hit, message

# The bell looks through this many of the newest hits: somebody whose mail is little among much more must not cost a
# walk through everything.
LOOKED_THROUGH = 2000
MOST = 100


async def count_unread(connection: AsyncConnection, viewer: Viewer, seen_seq: int) -> int:
    """Confirmed hits that are newer than what the bell has shown, repeated views left out; MOST for more."""
    newest = (
        select(hit.c.message_seq, hit.c["class"].label("hit_class"), hit.c.counted)
        .where(hit.c.seq > seen_seq)
        .order_by(hit.c.seq.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    found = (
        select(newest.c.message_seq)
        .join(message, message.c.seq == newest.c.message_seq)
        .where(newest.c.counted, newest.c.hit_class.in_(("human", "image-proxy")), visible(viewer))
        .limit(MOST)
        .subquery()
    )
    return int((await connection.execute(select(func.count()).select_from(found))).scalar_one())


async def newest_moment(connection: AsyncConnection) -> datetime | None:
    """The latest time that the ledger knows, of a message or a hit; None in an empty one."""
    of_message = (await connection.execute(select(func.max(message.c.submitted_at)))).scalar()
    of_hit = (await connection.execute(select(hit.c.at).order_by(hit.c.seq.desc()).limit(1))).scalar()
    return max((one for one in (of_message, of_hit) if one is not None), default=None)


async def newest_hit_id(connection: AsyncConnection) -> str:
    """The id of the latest hit, or "0", after which come all that will be."""
    return (await connection.execute(select(hit.c.id).order_by(hit.c.seq.desc()).limit(1))).scalar() or "0"
