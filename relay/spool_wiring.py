"""Where the spool's parts are built and joined, one set for the process; and their order of start and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime

from config.settings import Settings
from relay.copies_on_record import CopiesOnRecord
from relay.copy_delivery import CopyDelivery
from relay.destination import Destination
from relay.individual import IndividualDelivery, Ledger
from relay.ports import Conversation
from relay.replies import Fault, UpstreamFault
from relay.retry import RetrySchedule
from relay.spool import Spool
from relay.spool_conclusion import Conclusion
from relay.spool_notices import Notices
from relay.spool_runner import SessionKey, SpoolRunner
from relay.spool_session import spool_session

# Most final replies come within seconds; whoever stops the relay waits no longer for the others.
STOP_SECONDS = 10.0

Destinations = Mapping[str, Callable[[], Destination]]


class SpoolSide:
    """The spool of one process: its copies, and the task that delivers what is left."""

    def __init__(self, settings: Settings, ledger: Ledger, destinations: Destinations, hostname: str) -> None:
        """Takes the spool's lock. Raises SpoolInUse or SpoolFault."""
        self._settings = settings
        self._ledger = ledger
        self._destinations = destinations
        self._hostname = hostname
        self._task: asyncio.Task[None] | None = None
        self.spool = Spool(settings.spool_dir)
        rules = settings.spool
        schedule = RetrySchedule(rules.first_retry, rules.expiry, rules.delay_report)
        delivery = CopyDelivery(
            self.spool, CopiesOnRecord(ledger), schedule, _now, hold_doubtful=rules.in_doubt == "hold"
        )
        notices = Notices(self.spool, _now, hostname, self._host_of)
        self.runner = SpoolRunner(delivery, Conclusion(delivery, notices), self._open_session)

    def copies_for(self, upstream: str) -> IndividualDelivery:
        """What takes messages apart for the listeners of that upstream."""
        table = self._settings.upstream[upstream]
        return IndividualDelivery(
            upstream=upstream,
            has_account=not table.sandbox and table.login == "account",
            delivery=self.runner.delivery,
            conclusion=self.runner.conclusion,
            ledger=self._ledger,
            clock=_now,
            wake_runner=self.runner.wake,
            refuse_without_ledger=self._settings.tracking.on_ledger_failure == "refuse",
        )

    async def start(self) -> None:
        """Load what an earlier process left, then deliver. Raises SpoolFault."""
        await self.runner.start()
        self._task = asyncio.create_task(self.runner.run(), name="spool")

    async def stop(self) -> None:
        """End the task after the copy under way; one that takes too long is cut off, and in doubt at the next start."""
        if self._task is not None:
            self.runner.stop()
            await asyncio.wait([self._task], timeout=STOP_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.runner.delivery.on_record.close()
        self.spool.close()

    def _open_session(self, key: SessionKey) -> AbstractAsyncContextManager[Conversation]:
        upstream, account = key
        destination = self._destinations.get(upstream)
        if destination is None:  # the settings have lost it since the message was spooled
            raise UpstreamFault(Fault.UPSTREAM_UNREACHABLE, "no such upstream")
        where = destination()
        if account is not None:
            where = replace(where, account=account)
        return spool_session(where, self._hostname, self._settings.limits.upstream_final.total_seconds())

    def _host_of(self, upstream: str) -> str:
        table = self._settings.upstream.get(upstream)
        return table.host if table is not None and table.host else upstream


def _now() -> datetime:
    return datetime.now(UTC)
