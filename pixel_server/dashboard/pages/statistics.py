"""The Statistics page: per day, weekday and hour, tag, link and recipient domain, three numbers each, with CSV."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from aiohttp import web

from ledger.queries.rows import Counts
from ledger.queries.statistics import LOOKED_THROUGH, Line, by_domain, by_link, by_tag, looked_through
from ledger.queries.stats import Slot, per_day, per_weekday_hour, whole_of
from pixel_server.dashboard.audit import note_deed
from pixel_server.dashboard.charts import bar_chart, days_between, heat_cells
from pixel_server.dashboard.comma_separated import comma_separated
from pixel_server.dashboard.keys import DESK, READER, WORDING
from pixel_server.dashboard.rendering import page
from pixel_server.dashboard.wording import Wording

PERIODS = (7, 30, 90, 365)
MOST_BARS = 120
_LINES = {"tags": by_tag, "links": by_link, "domains": by_domain}


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of the reader's zone, up to today."""

    days: int
    first: date
    last: date
    since: datetime
    until: datetime

    @property
    def step(self) -> int:
        """Days a bar stands for: hundreds of bars side by side would be a carpet."""
        return 7 if self.days > MOST_BARS else 1


def period_of(request: web.Request) -> Period:
    words: Wording = request[WORDING]
    asked = request.query.get("days", "")
    days = int(asked) if asked in map(str, PERIODS) else 30
    last = words.day_of(words.now)
    first = last - timedelta(days=days - 1)
    since, until = (datetime.combine(day, time(), words.zone) for day in (first, last + timedelta(days=1)))
    return Period(days, first, last, since, until)


async def show_statistics(request: web.Request) -> web.Response:
    desk, viewer, words = request.app[DESK], request[READER].viewer, request[WORDING]
    period = period_of(request)
    since, until = period.since, period.until

    async def read_hours() -> tuple[list[Slot], list[Slot]]:
        async with desk.ledger.read() as connection:
            return (
                await per_day(connection, viewer, since, until, words.zone),
                await per_weekday_hour(connection, viewer, since, until, words.zone),
            )

    async def read_messages() -> tuple[dict[str, list[Line]], int]:
        async with desk.ledger.read() as connection:
            lines = {name: await ask(connection, viewer, since, until) for name, ask in _LINES.items()}
            return lines, await looked_through(connection, viewer, since, until)

    # Two connections: a long period's hours and its messages take about as long, and do not wait for each other.
    (slots, week), (lines, looked) = await asyncio.gather(read_hours(), read_messages())
    starts = days_between(period.first, period.last)[:: period.step]
    cells, highest = heat_cells(week, "opens")
    return await page(
        request,
        "statistics.html",
        period=period,
        periods=PERIODS,
        whole=whole_of(slots),
        opens=bar_chart(starts, _by_start(starts, slots, "opens")),
        clicks=bar_chart(starts, _by_start(starts, slots, "clicks")),
        cells=cells,
        highest=highest,
        lines=lines,
        cut_off=LOOKED_THROUGH if looked >= LOOKED_THROUGH else 0,
        widest={name: _widest(name, found) for name, found in lines.items()},
    )


async def download(request: web.Request) -> web.Response:
    """One table as CSV."""
    desk, viewer, words = request.app[DESK], request[READER].viewer, request[WORDING]
    name, period = request.match_info["name"], period_of(request)
    async with desk.ledger.read() as connection:
        match name:
            case "days":
                slots = await per_day(connection, viewer, period.since, period.until, words.zone)
                raw = comma_separated(("day", *_SLOT_HEAD), ((slot.begins.date(), *_slot(slot)) for slot in slots))
            case "hours":
                slots = await per_weekday_hour(connection, viewer, period.since, period.until, words.zone)
                head = ("weekday", "hour", *_SLOT_HEAD)
                raw = comma_separated(
                    head, ((slot.begins.isoweekday(), slot.begins.hour, *_slot(slot)) for slot in slots)
                )
            case "tags" | "links" | "domains":
                lines = await _LINES[name](connection, viewer, period.since, period.until)
                raw = comma_separated((name[:-1], "messages", *_COUNT_HEAD), (_line(one) for one in lines))
            case _:
                raise web.HTTPNotFound
    await note_deed(desk, request[READER].account, "export", f"statistics-{name}")
    disposition = f'attachment; filename="mailglass-{name}.csv"'
    return web.Response(
        body=raw, content_type="text/csv", charset="utf-8", headers={"Content-Disposition": disposition}
    )


_COUNT_HEAD = tuple(
    f"{kind}_{column}" for kind in ("opens", "clicks") for column in ("confirmed", "possible", "machine", "own")
)
_SLOT_HEAD = ("sent", "tracked", *_COUNT_HEAD)


def _slot(slot: Slot) -> tuple[int, ...]:
    return (slot.sent, slot.tracked, *_numbers(slot.opens), *_numbers(slot.clicks))


def _line(line: Line) -> tuple[object, ...]:
    return (line.name, line.messages, *_numbers(line.opens), *_numbers(line.clicks))


def _numbers(counts: Counts) -> tuple[int, ...]:
    return (counts.confirmed, counts.possible, counts.machine, counts.own)


def _by_start(starts: Sequence[date], slots: Sequence[Slot], kind: str) -> list[Counts]:
    """What happened from each of these days until the next one."""
    sums = [[0, 0, 0, 0] for _ in starts]
    for slot in slots:
        place = bisect_right(starts, slot.begins.date()) - 1
        if place >= 0:
            sums[place] = [a + b for a, b in zip(sums[place], _numbers(getattr(slot, kind)), strict=True)]
    return [Counts(*one) for one in sums]


def _widest(name: str, lines: Sequence[Line]) -> int:
    return max((one.clicks.confirmed if name == "links" else one.messages for one in lines), default=0) or 1


ROUTES = (
    web.get("/statistics", show_statistics),
    web.get("/statistics/{name}.csv", download),
)
