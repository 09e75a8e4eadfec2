"""Numbers for charts, from the hourly rows alone: they outlive the hits and are few.

An hour's beginning in somebody's time zone is an hour's beginning in UTC nearly everywhere; in the few zones with
half hours a day begins up to half an hour off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.queries.rows import Counts, Viewer
from ledger.schema import COLUMNS, hourly

HOUR = 3_600_000
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local time
_NAMES = ("sent", "tracked", *(f"{kind}_{column}" for kind in ("opens", "clicks") for column in COLUMNS))


@dataclass(frozen=True, slots=True)
class Slot:
    """One bar. ``begins`` is local time without a zone: a day's midnight, or an hour's beginning."""

    begins: datetime
    sent: int
    tracked: int
    opens: Counts
    clicks: Counts


async def per_day(
    connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime, zone: tzinfo = UTC
) -> list[Slot]:
    """The days of that zone in which something happened, oldest first; empty days are left out."""
    local = _local(since, until, zone)
    return await _slots(connection, viewer, since, until, local - local % DAY)


async def per_weekday_hour(
    connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime, zone: tzinfo = UTC
) -> list[Slot]:
    """Up to 168 slots that begin in the week of Monday 1970-01-05: their weekday and hour are what counts."""
    monday = 4 * DAY
    return await _slots(connection, viewer, since, until, (_local(since, until, zone) - monday) % (7 * DAY) + monday)


async def totals(connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime) -> Slot:
    """Everything in that time as one slot."""
    return whole_of(await _slots(connection, viewer, since, until, literal(0, BigInteger)))


def whole_of(slots: Sequence[Slot]) -> Slot:
    """All of them as one, which begins where the first does."""
    begins = slots[0].begins if slots else datetime(1970, 1, 1)  # noqa: DTZ001 - local time
    sums = [sum(column) for column in zip(*(_numbers(slot) for slot in slots), strict=True)] or [0] * len(_NAMES)
    return _slot(begins, sums)


async def _slots(
    connection: AsyncConnection, viewer: Viewer, since: datetime, until: datetime, begins: ColumnElement[Any]
) -> list[Slot]:
    begins = begins.label("begins")
    sums = [func.sum(hourly.c[name]).label(name) for name in _NAMES]
    statement = (
        select(begins, *sums)
        .where(_rows_of(viewer), hourly.c.hour > since - timedelta(hours=1), hourly.c.hour < until)
        .group_by(begins)
        .order_by(begins)
    )
    return [_slot(_EPOCH + timedelta(milliseconds=int(row[0])), [*map(int, row[1:])])
            for row in await connection.execute(statement)]  # fmt: skip


def _rows_of(viewer: Viewer) -> ColumnElement[bool]:
    if viewer.admin:
        return and_(hourly.c.login == "", hourly.c.sender == "")
    mine: list[ColumnElement[bool]] = [hourly.c.sender.in_([address.lower() for address in viewer.addresses])]
    if viewer.login:
        mine.append(hourly.c.login == viewer.login)
    # Everybody's row has neither login nor sender; mail without both is nobody's but the administrators'.
    return and_(or_(*mine), or_(hourly.c.login != "", hourly.c.sender != ""))


def _local(since: datetime, until: datetime, zone: tzinfo) -> ColumnElement[Any]:
    """The hour in that zone's local time, in milliseconds: with the offset that was in force then."""
    hour = cast(hourly.c.hour, BigInteger)
    offsets = _offsets(since, until, zone)
    if len(offsets) == 1:
        return hour + offsets[0][1]
    return hour + case(*((hour >= begin, offset) for begin, offset in reversed(offsets[1:])), else_=offsets[0][1])


def _offsets(since: datetime, until: datetime, zone: tzinfo) -> list[tuple[int, int]]:
    """When which offset from UTC begins, to the hour."""
    found: list[tuple[int, int]] = []
    moment = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    step = timedelta(days=1)
    offset = _offset(moment, zone)
    found.append((_milliseconds(moment), offset))
    while moment < until:
        if _offset(moment + step, zone) != offset:
            while _offset(moment, zone) == offset:
                moment += timedelta(hours=1)
            offset = _offset(moment, zone)
            found.append((_milliseconds(moment), offset))
        else:
            moment += step
    return found


def _offset(moment: datetime, zone: tzinfo) -> int:
    offset = moment.astimezone(zone).utcoffset() or timedelta()
    return round(offset.total_seconds() * 1000)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _slot(begins: datetime, numbers: Sequence[int]) -> Slot:
    """``numbers`` in the order of _NAMES."""
    return Slot(begins, numbers[0], numbers[1], Counts(*numbers[2:6]), Counts(*numbers[6:10]))


def _numbers(slot: Slot) -> tuple[int, ...]:
    return (
        slot.sent,
        slot.tracked,
        *(getattr(counts, column) for counts in (slot.opens, slot.clicks) for column in COLUMNS),
    )
