"""The ledger as the process sees it that writes: every change goes through one writer and is awaited to its commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from config.settings import Settings
from ledger import daily_writing, hits_writing, records_writing, verdicts_writing
from ledger.access import Counted, Ledger, Watch, WatchCounted
from ledger.book import Book
from ledger.changes import forgets_the_book, waits_for_the_lock
from ledger.events import Events
from ledger.faults import LedgerUnavailable, SchemaTooNew
from ledger.hits_writing import StoredHit
from ledger.message_id import MessageId
from ledger.reading import utc_now
from ledger.recording import LedgerEvent
from ledger.records import DayCounts, Hit, MessageRecord, State, Verdict
from ledger.transactions import transactions_for
from ledger.writer import Writer

log = logging.getLogger("mailglass.ledger")
P = ParamSpec("P")
T = TypeVar("T")
MESSAGE_PATIENCE_SECONDS = 2.0  # then a message goes out untracked
# What people ask for is not done behind their backs an hour later, when an operator's shell lets go of the lock: they
# hear that it was not done. What happened (hits, verdicts) waits as long as it takes.
LOCK_PATIENCE_SECONDS = 5.0
START_PATIENCE_SECONDS = 1.0
PROBE_SECONDS = 0.5


class Store(Ledger):
    """The only writer. All its methods that change something raise LedgerUnavailable when that could not be done."""

    def __init__(
        self, settings: Settings, clock: Callable[[], datetime] = utc_now, events: Events | None = None
    ) -> None:
        super().__init__(settings, clock)
        self._book = Book()
        self._writer = Writer(transactions_for(self.place, self._book.forget), self._book.forget)
        self._events = events or Events()
        self._repeat = round(settings.hits.repeat.total_seconds() * 1000)
        self._probe: asyncio.Task[None] | None = None
        self._watch: Watch = lambda hits, _again: hits
        self._watch_counted: WatchCounted = lambda _counted: None

    @classmethod
    async def open(
        cls, settings: Settings, clock: Callable[[], datetime] = utc_now, events: Events | None = None
    ) -> Store:
        """Opens, creates and upgrades. A database that cannot be used is no reason not to start: mail and links work
        without it, ``fault`` says what is wrong, and it is tried again. Raises SchemaTooNew."""
        store = cls(settings, clock, events)
        try:
            await store._writer.write(_nothing, lock_patience=START_PATIENCE_SECONDS)
        except SchemaTooNew:
            await store.close()
            raise
        except LedgerUnavailable:
            log.error("the ledger cannot be used: %s", store.fault)
        except BaseException:
            await store.close()
            raise
        store._probe = asyncio.get_running_loop().create_task(store._keep_probing(), name="ledger probe")
        return store

    async def close(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
        await self._writer.close()
        await self.close_reading()

    @property
    def fault(self) -> str | None:
        return self._writer.fault

    def watch_hits(self, watch: Watch, counted: WatchCounted) -> None:
        self._watch, self._watch_counted = watch, counted

    async def write(self, change: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        forgets = forgets_the_book(change)

        def work(connection: Connection) -> T:
            result = change(connection, *args, **kwargs)
            if forgets:
                self._book.forget()
            return result

        patience = None if waits_for_the_lock(change) else LOCK_PATIENCE_SECONDS
        result = await self._writer.write(work, lock_patience=patience)
        if forgets:
            self.forget_all_states()
            self._events.publish(LedgerEvent("messages", 0))
        return result

    async def register(self, record: MessageRecord) -> None:
        done = asyncio.ensure_future(self._writer.write(partial(_register, self._book, record), is_one=True))
        try:
            async with asyncio.timeout(MESSAGE_PATIENCE_SECONDS):
                seq = await done
        except (TimeoutError, asyncio.CancelledError) as impatience:
            # It may be in the very transaction that hangs; then it is taken back by the next one.
            self._in_background(self.withdraw(record))
            if isinstance(impatience, asyncio.CancelledError):
                raise
            raise LedgerUnavailable("the ledger did not take the record in time") from None
        self.forget_state(record.id)
        self._events.publish(LedgerEvent("message", seq, str(record.id)))

    async def withdraw(self, record: MessageRecord) -> None:
        """Takes a record back whose message goes out untracked; nothing when it is not there."""
        await self._writer.write(partial(_unregister, self._book, record))

    async def settle(self, message: MessageId, state: State, reply: str = "", accepted_at: datetime | None = None,
                     copy: int | None = None) -> bool:  # fmt: skip
        if copy is None:
            found = await self._writer.write(
                lambda connection: records_writing.settle(connection, self._book, message, state, reply, accepted_at),
                is_one=True,
            )
        else:
            found = await self._writer.write(
                lambda connection: records_writing.settle_copy(connection, message, copy, state, reply, accepted_at)
            )
        self._changed(message)
        return found

    async def stop(self, message: MessageId, at: datetime) -> bool:
        found = await self._writer.write(
            partial(_stop, self._book, message, at), lock_patience=LOCK_PATIENCE_SECONDS
        )  # fmt: skip
        self._changed(message)
        return found

    async def add_hits(self, hits: Sequence[Hit], again: bool = False) -> int:
        hits = self._watch(hits, again)
        stored: list[StoredHit] = await self._writer.write(
            lambda connection: hits_writing.add_hits(connection, self._book, hits, self._repeat, again), is_one=True
        )
        for seq, hit, known in stored if self._events.is_heard else ():
            self._events.publish(LedgerEvent("hit", seq, str(hit.message) if known else "", hit.id))
        return len(stored)

    async def add_counts(self, counts: DayCounts, again: bool = False) -> None:
        changed = await self._writer.write(
            lambda connection: daily_writing.add_counts(connection, self._book, counts, again)
        )
        for raw in changed if self._events.is_heard else ():
            self._events.publish(LedgerEvent("counts", 0, str(MessageId(raw))))

    async def show_counted(self, counted: Sequence[Counted]) -> None:
        self._watch_counted(counted)

    async def set_repeats(self, repeats: Sequence[tuple[str, int]]) -> int:
        return await self._writer.write(lambda connection: hits_writing.set_repeats(connection, repeats))

    async def change_verdicts(self, changes: Sequence[tuple[str, Verdict]]) -> int:
        changed = await self._writer.write(
            lambda connection: verdicts_writing.change_verdicts(connection, self._book, changes, self._repeat)
        )
        for seq, message, hit in changed:
            self._events.publish(LedgerEvent("verdict", seq, message, hit))
        return len(changed)

    def subscribe(self) -> AsyncIterator[LedgerEvent]:
        return self._events.subscribe()

    def _changed(self, message: MessageId) -> None:
        self.forget_state(message)
        self._events.publish(LedgerEvent("message", 0, str(message)))

    def _in_background(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _keep_probing(self) -> None:
        # With a fault everybody goes round the ledger, so somebody has to find out that it is over.
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            if self.fault is not None or self._file_now() != self._inode:
                try:
                    await self._writer.write(_nothing)
                    await self._follow_file()
                except LedgerUnavailable:
                    continue


def _nothing(_connection: Connection) -> None:
    """The work of a transaction that only shows whether there can be one."""


def _register(book: Book, record: MessageRecord, connection: Connection) -> int:
    return records_writing.register(connection, book, record)


def _unregister(book: Book, record: MessageRecord, connection: Connection) -> None:
    records_writing.unregister(connection, book, record)


def _stop(book: Book, message: MessageId, at: datetime, connection: Connection) -> bool:
    return records_writing.stop(connection, book, message, at)
