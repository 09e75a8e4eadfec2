"""Numbers for Prometheus, made when asked: nothing here tells one person or message from another."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from aiohttp import web
from sqlalchemy import func, select

from ledger.faults import LedgerUnavailable
from ledger.journal import count_waiting
from ledger.queries.rows import ADMINISTRATOR, Counts
from ledger.queries.stats import Slot, totals
from ledger.schema import message
from pixel_server import hit_numbers
from pixel_server.dashboard.keys import DESK
from pixel_server.dashboard.live import STREAMS

EPOCH = datetime(1970, 1, 2, tzinfo=UTC)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def show_metrics(request: web.Request) -> web.Response:
    desk = request.app[DESK]
    whole, waiting = Slot(EPOCH, 0, 0, Counts(), Counts()), 0
    with contextlib.suppress(LedgerUnavailable):  # the scrape must tell of it, not fail with it
        async with desk.ledger.read() as connection:
            whole = await totals(connection, ADMINISTRATOR, EPOCH, desk.clock() + timedelta(hours=1))
            queued = select(func.count()).select_from(message).where(message.c.state == "queued")
            waiting = int((await connection.execute(queued)).scalar_one())
    # A tenth of a second at the first scrape instead of at every start.
    from pixel_server.dashboard.metrics_text import metrics_text  # noqa: PLC0415

    journals = await asyncio.to_thread(count_waiting, desk.settings.data_dir / "journal")
    text = metrics_text(whole, waiting, len(request.app[STREAMS]), desk.ledger.fault is not None, journals)
    return web.Response(body=text + hit_numbers.exposition(), headers={"Content-Type": CONTENT_TYPE})


ROUTES = (web.get("/metrics", show_metrics),)
