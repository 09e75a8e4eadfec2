"""Lists of hits, newest first, by keyset; with what a reader wants to see beside each.

Of everybody's hits the newest are a page of most readers' own too. Who has little mail among much more would have all
hits walked through for it, so theirs are found by their messages; and so it is with the hits of one class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.message_id import MessageId
from ledger.queries.messages import HIGHEST_LIMIT, visible
from ledger.queries.rows import HitRow, Page, Viewer, page_of
from ledger.records import HitClass
from ledger.schema import copy, hit, link, message

# So many of the newest hits are looked through for a member's before their messages are asked: some 5 ms.
NEWEST = 5000
CONFIRMED = tuple(one.value for one in HitClass if one.column == "confirmed")

# What is shown beside a hit: of its message, its copy and its link.
BESIDE = (
    message.c.id.label("message_id"),
    message.c.subject,
    message.c.recipient_count,
    case(
        (copy.c.address != "", copy.c.address),
        (message.c.recipient_count == 1, message.c.recipients[0].as_string()),
        else_="",
    ).label("address"),
    link.c.url,
    case((link.c.name != "", link.c.name), else_=link.c.text).label("link_text"),
)


@dataclass(frozen=True, slots=True)
class HitFilter:
    """None and "" ask nothing. ``after`` is a hit's id: only newer ones, for those who follow, also when that hit is
    no longer held. ``confirmed``: people's alone."""

    message: MessageId | None = None
    kind: str = ""
    hit_class: str = ""
    after: str = ""
    confirmed: bool = False


async def list_hits(
    connection: AsyncConnection,
    viewer: Viewer,
    wanted: HitFilter = HitFilter(),
    cursor: str | None = None,
    limit: int = 50,
) -> Page[HitRow]:
    """Hits on unknown messages are shown to administrators only."""
    limit = max(1, min(limit, HIGHEST_LIMIT))
    before = int(cursor) if cursor and cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None
    conditions = _conditions(wanted) + ([hit.c.seq < before] if before is not None else [])
    if viewer.admin or wanted.message is not None:
        rows = await _rows(connection, viewer, conditions, limit)
    else:
        upto = before if before is not None else await newest_hit_seq(connection) + 1
        oldest = await _oldest_of_newest(connection, wanted.hit_class, upto)
        rows = await _rows(connection, viewer, [*conditions, hit.c.seq >= oldest], limit)
        if len(rows) <= limit and oldest > 0:
            of_theirs = hit.c.seq.in_(_seqs_by_message(viewer, conditions, limit))
            rows = await _rows(connection, viewer, [*conditions, of_theirs], limit)
    return page_of(rows, limit, hit_row, lambda row: str(row.seq))


async def _oldest_of_newest(connection: AsyncConnection, hit_class: str, upto: int) -> int:
    """Where the newest hits before ``upto`` begin that are looked through for a member's; 0 if those are all."""
    if not hit_class:
        return max(0, upto - NEWEST)
    of_class = select(hit.c.seq).where(*_of_class(hit_class), hit.c.seq < upto)
    found = await connection.execute(of_class.order_by(hit.c.seq.desc()).limit(1).offset(NEWEST))
    return found.scalar() or 0


async def _rows(
    connection: AsyncConnection, viewer: Viewer, conditions: list[ColumnElement[bool]], limit: int
) -> list[Any]:
    """One more than ``limit``, where there are so many."""
    if not viewer.admin:
        conditions = [*conditions, hit.c.message_seq.is_not(None), visible(viewer)]
    statement = (
        select(hit, *BESIDE)
        .outerjoin(message, message.c.seq == hit.c.message_seq)
        .outerjoin(copy, and_(copy.c.message_seq == hit.c.message_seq, copy.c.number == hit.c.copy))
        .outerjoin(
            link,
            and_(link.c.message_seq == hit.c.message_seq, link.c.number == hit.c.link, hit.c.link > 0),
        )
        .where(*conditions)
        .order_by(hit.c.seq.desc())
        .limit(limit + 1)
    )
    return list((await connection.execute(statement)).all())


def _seqs_by_message(viewer: Viewer, conditions: list[ColumnElement[bool]], limit: int) -> Select[Any]:
    theirs = select(message.c.seq).where(visible(viewer))
    found = select(hit.c.seq).where(hit.c.message_seq.in_(theirs), *conditions)
    found = found.with_hint(hit, "INDEXED BY ix_hit_message_seq", "sqlite")
    newest = found.order_by(hit.c.seq.desc()).limit(limit + 1).subquery()
    return select(newest.c.seq)


async def newest_hit_seq(connection: AsyncConnection) -> int:
    """Where somebody begins who only wants what comes from now on."""
    return int((await connection.execute(select(func.coalesce(func.max(hit.c.seq), 0)))).scalar_one())


def _conditions(wanted: HitFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.message is not None:
        of = select(message.c.seq).where(message.c.id == wanted.message.raw).scalar_subquery()
        found.append(hit.c.message_seq == of)
    if wanted.kind:
        found.append(hit.c.kind == wanted.kind)
    if wanted.hit_class and wanted.message is not None:
        found.append(hit.c["class"] == wanted.hit_class)
    elif wanted.hit_class:
        found += _of_class(wanted.hit_class)
    if wanted.confirmed:
        found.append(hit.c["class"].in_(CONFIRMED))
    if wanted.after:
        # Ids sort by time: of one that was purged or erased, the hit before it says where to begin.
        upto = select(hit.c.seq).where(hit.c.id <= wanted.after).order_by(hit.c.id.desc()).limit(1)
        last = upto.scalar_subquery()
        found.append(hit.c.seq > func.coalesce(last, 0))
    return found


def _of_class(hit_class: str) -> list[ColumnElement[bool]]:
    # The second is true of all hits: in the very words of ix_hit_class_seq it is what lets that be used.
    return [hit.c["class"] == hit_class, hit.c.seq > literal_column("0")]


def hit_row(row: Any) -> HitRow:
    values = row._mapping
    return HitRow(
        seq=row.seq,
        id=row.id,
        at=row.at,
        kind=row.kind,
        message=MessageId(bytes(row.message_id)) if row.message_id is not None else None,
        copy=row.copy,
        link=row.link,
        method=row.method,
        hit_class=values["class"],
        confidence=row.confidence,
        rule=row.rule,
        user_agent=row.user_agent,
        ip=row.ip,
        repeats=row.repeats,
        counted=row.counted,
        subject=row.subject or "",
        address=row.address or "",
        url=row.url or "",
        link_text=row.link_text or "",
        recipient_count=row.recipient_count or 0,
    )
