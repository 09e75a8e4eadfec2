"""The numbers of one scrape in the form Prometheus reads. Imported at the first scrape: its library costs a start."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ledger.queries.stats import Slot


class _Numbers:
    def __init__(self, whole: Slot, queued: int, streams: int, fault: bool, journals: int) -> None:
        self._whole, self._queued, self._streams, self._fault = whole, queued, streams, fault
        self._journals = journals

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
        # Of all processes, whichever of them the dashboard runs in.
        yield GaugeMetricFamily(
            "mailglass_journals_waiting", "Files of hits that wait to be added to the ledger", value=self._journals
        )


def metrics_text(whole: Slot, queued: int, streams: int, fault: bool, journals: int) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Numbers(whole, queued, streams, fault, journals))
    return generate_latest(registry)
