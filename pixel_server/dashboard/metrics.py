"""Numbers for Prometheus, made when asked: nothing here tells one person or message from another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import func, select

from ledger.queries.rows import ADMINISTRATOR
from ledger.queries.stats import Slot, totals
from ledger.schema import message
from pixel_server.dashboard.keys import DESK
from pixel_server.dashboard.live import STREAMS

EPOCH = datetime(1970, 1, 2, tzinfo=UTC)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Numbers:
    """What one scrape shows."""

    def __init__(self, whole: Slot, queued: int, streams: int, fault: bool) -> None:
        self._whole, self._queued, self._streams, self._fault = whole, queued, streams, fault

    def collect(self) -> Iterator[Metric]:
        whole = self._whole
        yield CounterMetricFamily("mailglass_messages", "Messages submitted", value=whole.sent)
        yield CounterMetricFamily("mailglass_tracked_messages", "Messages with tracking", value=whole.tracked)
        hits = CounterMetricFamily("mailglass_hits", "Hits counted, by kind and column", labels=["kind", "column"])
        for kind, counts in (("open", whole.opens), ("click", whole.clicks)):
            for column in ("confirmed", "possible", "machine", "own"):
                hits.add_metric([kind, column], getattr(counts, column))
        yield hits
        yield GaugeMetricFamily("mailglass_queued_messages", "Messages that wait for the upstream", value=self._queued)
        yield GaugeMetricFamily("mailglass_open_streams", "Pages that listen for events", value=self._streams)
        yield GaugeMetricFamily("mailglass_ledger_up", "1 when the ledger takes changes", value=int(not self._fault))


async def show_metrics(request: web.Request) -> web.Response:
    desk = request.app[DESK]
    async with desk.ledger.read() as connection:
        whole = await totals(connection, ADMINISTRATOR, EPOCH, desk.clock() + timedelta(hours=1))
        queued = select(func.count()).select_from(message).where(message.c.state == "queued")
        waiting = int((await connection.execute(queued)).scalar_one())
    registry = CollectorRegistry()
    registry.register(_Numbers(whole, waiting, len(request.app[STREAMS]), desk.ledger.fault is not None))
    return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE})


ROUTES = (web.get("/metrics", show_metrics),)
