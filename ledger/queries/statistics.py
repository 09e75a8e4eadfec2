"""What the newest mail of a period brought, by tag, by link and by the recipients' domain.

These look at messages, not at hits, and at no more than LOOKED_THROUGH of them, so that a large ledger answers as fast
as a small one; the page says when there were more. Charts over time come from stats.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.people import ERASED
from ledger.queries.messages import no_probe, visible
from ledger.queries.rows import Counts, Viewer
from ledger.schema import COLUMNS, copy, link, message, tag

LOOKED_THROUGH = 3000
LISTED = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One tag, link or domain. ``messages``: how many messages (for domains: copies) it stands for."""

    name: str
    messages: int
    opens: Counts
    clicks: Counts
    opened: int = 0  # how many of them were opened by somebody


async def looked_through(connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime) -> int:
    """How many messages the lines are about."""
    newest = _newest(viewer, since, until)
    return int((await connection.execute(select(func.count()).select_from(newest))).scalar_one())


async def by_tag(connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime) -> list[Line]:
    """The tags of most messages first."""
    newest = _newest(viewer, since, until)
    rows = (
        select(tag.c.word.label("name"), *_sums(message, "opens"), *_sums(message, "clicks"), _opened(message))
        .select_from(newest)
        .join(message, message.c.seq == newest.c.seq)
        .join(tag, tag.c.message_seq == message.c.seq)
        .group_by(tag.c.word)
        .order_by(func.count().desc(), tag.c.word)
        .limit(LISTED)
    )
    return [_line(row) for row in await connection.execute(rows)]


async def by_link(connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime) -> list[Line]:
    """The links most followed first; one address counts as one link, in whatever message."""
    newest = _newest(viewer, since, until)
    rows = (
        select(link.c.url.label("name"), *_sums(link, "clicks"))
        .select_from(newest)
        .join(link, and_(link.c.message_seq == newest.c.seq, link.c.tracked))
        .group_by(link.c.url)
        .order_by(func.sum(link.c.clicks_confirmed).desc(), func.count().desc(), link.c.url)
        .limit(LISTED)
    )
    return [_line(row) for row in await connection.execute(rows)]


async def by_domain(connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime) -> list[Line]:
    """Recipients' domains, of copies whose recipient is known; the most copies first."""
    newest = _newest(viewer, since, until)
    address = case((copy.c.address != "", copy.c.address), else_=message.c.recipients[0].as_string())
    domain = _domain(address, connection.dialect.name).label("name")
    rows = (
        select(domain, *_sums(copy, "opens"), *_sums(copy, "clicks"), _opened(copy))
        .select_from(newest)
        .join(message, message.c.seq == newest.c.seq)
        .join(copy, copy.c.message_seq == message.c.seq)
        # In a CASE no planner takes the index of tracked messages, which would walk through all there are.
        .where(case((message.c.tracked, 1), else_=0) == 1, (copy.c.address != "") | (message.c.recipient_count == 1))
        .where(address != ERASED)
        .group_by(domain)
        .order_by(func.count().desc(), domain)
        .limit(LISTED)
    )
    return [_line(row) for row in await connection.execute(rows)]


def _newest(viewer: Viewer, since: datetime, until: datetime) -> Subquery:
    return (
        select(message.c.seq)
        .where(message.c.submitted_at >= since, message.c.submitted_at < until, visible(viewer), no_probe())
        .order_by(message.c.submitted_at.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )


def _sums(table: Any, kind: str) -> list[Any]:
    return [func.sum(table.c[f"{kind}_{column}"]).label(f"{kind}_{column}") for column in COLUMNS] + (
        [func.count().label("n")] if kind == "clicks" else []
    )


def _opened(table: Any) -> ColumnElement[Any]:
    return func.sum(case((table.c.opens_confirmed > 0, 1), else_=0)).label("opened")


def _domain(address: ColumnElement[str], dialect: str) -> ColumnElement[str]:
    at = func.instr(address, "@") if dialect == "sqlite" else func.strpos(address, "@")
    return func.lower(func.substr(address, at + 1))


def _line(row: Any) -> Line:
    values = row._mapping
    opens, clicks = (
        Counts(*(int(values.get(f"{kind}_{column}") or 0) for column in COLUMNS)) for kind in ("opens", "clicks")
    )
    return Line(str(row.name), int(row.n), opens, clicks, int(values.get("opened") or 0))
