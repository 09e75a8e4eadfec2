"""GET stats: totals and days, three numbers each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from ledger.queries.stats import Slot, per_day, per_weekday_hour, totals
from pixel_server.dashboard.api.forms import both_counts, moment
from pixel_server.dashboard.api.replies import answer, refuse_faults, refuse_unknown
from pixel_server.dashboard.bearer import READ, demand
from pixel_server.dashboard.filters import moment_in
from pixel_server.dashboard.keys import DESK

USUAL = timedelta(days=30)
LONGEST = timedelta(days=3700)


async def get_stats(request: web.Request) -> web.Response:
    reader, desk = demand(request, READ), request.app[DESK]
    refuse_unknown(request, ("from", "to"))
    since, until = _period(request, desk.clock())
    async with desk.ledger.read() as connection:
        whole = await totals(connection, reader.viewer, since, until)
        days = await per_day(connection, reader.viewer, since, until)
        week = await per_weekday_hour(connection, reader.viewer, since, until)
    return answer(
        request,
        {
            "from": moment(since),
            "to": moment(until),
            "totals": _numbers(whole),
            "days": [{"day": slot.begins.date().isoformat()} | _numbers(slot) for slot in days],
            "week": [{"weekday": slot.begins.isoweekday(), "hour": slot.begins.hour} | _numbers(slot) for slot in week],
        },
    )


def _numbers(slot: Slot) -> dict[str, Any]:
    return {"sent": slot.sent, "tracked": slot.tracked, **both_counts(slot.opens, slot.clicks)}


def _period(request: web.Request, now: datetime) -> tuple[datetime, datetime]:
    """The last 30 days unless said, ten years at most. Raises HTTPBadRequest."""
    faults: dict[str, str] = {}
    found: dict[str, datetime] = {}
    for name, whole_day in (("from", False), ("to", True)):
        written = request.query.get(name, "")
        try:
            if written:
                found[name] = moment_in(written[:40], UTC, whole_day)
        except (ValueError, OverflowError):
            faults[name] = "must be a day (2026-11-24) or a time (2026-11-24T10:00:00Z)"
    refuse_faults(faults)
    until = found.get("to", now).astimezone(UTC)
    since = found.get("from", until - USUAL).astimezone(UTC)
    if "to" in found and since > until:
        refuse_faults({"to": "must not lie before from"})
    return max(since, until - LONGEST), max(since, until)


ROUTES = (web.get("/api/v1/stats", get_stats),)
