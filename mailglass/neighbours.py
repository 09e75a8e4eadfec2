"""What the relay asks of the other packages, answered: records, rewriting, accounts, consents, keys."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from config.settings import Listener, Settings
from ledger.access import Ledger
from ledger.accounts import Passwords
from ledger.faults import LedgerUnavailable
from ledger.keys import LiveKeyRing
from ledger.message_id import MessageId
from ledger.queries.accounts import account_named
from ledger.records import MessageRecord, State
from ledger.urls import TrackingUrls
from mailglass.consent_gate import ConsentGate, consents_for
from relay.rewriting.optin import OptInPolicy, decide, under_ceiling
from relay.rewriting.plan import Plan, Tracked, Unchanged, Wanted
from relay.rewriting.worker import RewritingWorker
from relay.wiring import Neighbours

# One message that takes its full two seconds must not hold up all others; more would only share the same cores.
REWRITERS = 2


def relay_neighbours(
    settings: Settings, ledger: Ledger, keys: LiveKeyRing, rewriter: ThreadedRewriter, sandbox_port: Callable[[], int]
) -> Neighbours:
    return Neighbours(
        records=LedgerRecords(ledger),
        rewriter=rewriter,
        decide=_decisions(settings),
        ring=keys.current,
        consents=ConsentGate(consents_for(settings, ledger)),
        accounts=LedgerAccounts(ledger),
        sandbox_port=sandbox_port,
    )


class LedgerRecords:
    """Puts messages on record."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def register(self, record: MessageRecord) -> None:
        await self._ledger.register(record)

    async def settle(self, message_id: MessageId, state: State, reply: str, accepted_at: datetime | None) -> None:
        await self._ledger.settle(message_id, state, reply, accepted_at)


class ThreadedRewriter:
    """Rewrites in threads, so that the sessions of others go on meanwhile."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(REWRITERS, thread_name_prefix="rewriting")
        self._of_thread = threading.local()
        self._workers: list[RewritingWorker] = []

    async def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        """Never raises; done within about two seconds, doubt and timeout are ``Unchanged``."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._rewrite, raw, plan, urls)

    async def close(self) -> None:
        """Ends threads and worker processes."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def _rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        worker = getattr(self._of_thread, "worker", None)
        if worker is None:
            worker = self._of_thread.worker = RewritingWorker()
            self._workers.append(worker)
        return worker.rewrite(raw, plan, urls)


class LedgerAccounts:
    """The relay's own users are the dashboard's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._passwords = Passwords()

    async def verify(self, login: str, password: str) -> bool:
        """Whether the password is that user's; as slow for users that do not exist. False without a ledger."""
        try:
            async with self._ledger.read() as connection:
                account = await account_named(connection, login)
        except LedgerUnavailable:
            account = None
        return await self._passwords.verify(account.password_hash if account else None, password)


def _decisions(settings: Settings) -> Callable[[Listener], Callable[[bytes], Wanted]]:
    tracking = settings.tracking

    def for_listener(listener: Listener) -> Callable[[bytes], Wanted]:
        policy = OptInPolicy(listener.default, tracking.dialects, tracking.subject_tag)
        return lambda header: under_ceiling(decide(header, policy), tracking.identity)

    return for_listener
