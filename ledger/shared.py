"""The ledger for one of several processes: relay, pixel server, workers and commands of one installation.

Exactly one of them writes, since two writers of one SQLite file gain nothing and wait long for each other. Whoever
comes first takes the lock and listens on a socket; the others hand their changes over and hear after the commit. When
the writing process goes, one of the others takes its place within a second; until then changes are LedgerUnavailable.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from itertools import count
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from config.settings import Settings
from ledger.access import Counted, Ledger, Watch, WatchCounted
from ledger.changes import name_of
from ledger.events import Events
from ledger.faults import LedgerInUse, LedgerUnavailable
from ledger.frames import is_safe_place, read_frame, socket_path, write_frame
from ledger.lock import WriterLock
from ledger.message_id import MessageId
from ledger.reading import utc_now
from ledger.recording import LedgerEvent
from ledger.records import DayCounts, Hit, MessageRecord, State, Verdict
from ledger.retention import keep_tidy
from ledger.socket_server import EVENT, SocketServer
from ledger.store import Store

log = logging.getLogger("mailglass.ledger")
P = ParamSpec("P")
T = TypeVar("T")
RETRY_SECONDS = 0.2
START_SECONDS = 5.0
# The writing process gives a record two seconds; a little more for the way there and back.
PATIENCE_SECONDS = 2.3


async def open_ledger(
    settings: Settings, exclusive: bool = False, clock: Callable[[], datetime] = utc_now
) -> SharedLedger:
    """The ledger of this installation. ``exclusive``: raises LedgerInUse when another process writes it already.

    Does not raise for a database that cannot be used: mail and links work without it. Raises SchemaTooNew.
    """
    ledger = SharedLedger(settings, clock)
    try:
        await ledger._start(exclusive)
    except BaseException:
        await ledger.close()
        raise
    return ledger


class SharedLedger(Ledger):
    def __init__(self, settings: Settings, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(settings, clock)
        self._lock = WriterLock(settings.data_dir)
        self._path = socket_path(settings.data_dir)
        self._events = Events(self._forget_changed)
        self._own: Store | None = None
        self._server: SocketServer | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count(EVENT + 1)
        self._tasks: list[asyncio.Task[None]] = []
        self._watches: tuple[Watch, WatchCounted] | None = None

    @property
    def writes_itself(self) -> bool:
        return self._own is not None

    @property
    def fault(self) -> str | None:
        if self._own is not None:
            return self._own.fault
        return None if self._writer is not None else "the process that writes the ledger cannot be reached"

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.close()
        if self._own is not None:
            await self._own.close()
        self._lock.give_back()
        await self.close_reading()

    def watch_hits(self, watch: Watch, counted: WatchCounted) -> None:
        self._watches = watch, counted
        if self._own is not None:
            self._own.watch_hits(watch, counted)

    async def write(self, change: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._own is not None:
            return await self._own.write(change, *args, **kwargs)
        if kwargs:
            raise TypeError("changes from other processes take their arguments by position")
        result: T = await self._request("write", (name_of(change), *args))
        return result

    async def register(self, record: MessageRecord) -> None:
        try:
            await self._ask("register", record, patience=PATIENCE_SECONDS)
        except (LedgerUnavailable, asyncio.CancelledError):
            if self._writer is not None:  # it may be committed after all; its message goes out untracked
                with contextlib.suppress(ConnectionError):
                    write_frame(self._writer, (next(self._numbers), "withdraw", (record,)))
            raise

    async def settle(
        self,
        message: MessageId,
        state: State,
        reply: str = "",
        accepted_at: datetime | None = None,
        copy: int | None = None,
    ) -> bool:
        return bool(await self._ask("settle", message, state, reply, accepted_at, copy))

    async def stop(self, message: MessageId, at: datetime) -> bool:
        return bool(await self._ask("stop", message, at))

    async def add_hits(self, hits: Sequence[Hit], again: bool = False) -> int:
        return int(await self._ask("add_hits", list(hits), again))

    async def add_counts(self, counts: DayCounts, again: bool = False) -> None:
        await self._ask("add_counts", counts, again)

    async def show_counted(self, counted: Sequence[Counted]) -> None:
        await self._ask("show_counted", list(counted), patience=PATIENCE_SECONDS)

    async def set_repeats(self, repeats: Sequence[tuple[str, int]]) -> int:
        return int(await self._ask("set_repeats", list(repeats)))

    async def change_verdicts(self, changes: Sequence[tuple[str, Verdict]]) -> int:
        return int(await self._ask("change_verdicts", list(changes)))

    def subscribe(self) -> AsyncIterator[LedgerEvent]:
        return self._events.subscribe()

    async def _start(self, exclusive: bool) -> None:
        if not await self._take_over():
            if exclusive:
                raise LedgerInUse(f"another mailglass works in {self.settings.data_dir}")
            await self._join_at_start()
        self._tasks.append(asyncio.create_task(self._stay_joined(), name="shared ledger"))

    async def _join_at_start(self) -> None:
        # The writing process may be just starting or just ending. If it is not to be had, _stay_joined goes on.
        for _ in range(round(START_SECONDS / RETRY_SECONDS)):
            if await self._connect() or await self._take_over():
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _take_over(self) -> bool:
        if not self._lock.take():
            return False
        try:
            self._own = await Store.open(self.settings, self.clock, self._events)
            self._own.run_secret = self.run_secret
            if self._watches is not None:
                self._own.watch_hits(*self._watches)
            self._server = SocketServer(self._own, self._path)
            await self._server.start()
        except BaseException:
            self._lock.give_back()
            raise
        self._tasks.append(asyncio.create_task(keep_tidy(self._own), name="tidying"))
        return True

    async def _connect(self) -> bool:
        if not is_safe_place(self._path):
            return False
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path)
        except OSError:
            return False
        self._tasks.append(asyncio.create_task(self._listen(reader, self._writer), name="ledger answers"))
        with contextlib.suppress(LedgerUnavailable):
            self.run_secret = await self._ask("secret", patience=PATIENCE_SECONDS)
        return True

    async def _stay_joined(self) -> None:
        while self._own is None:
            await asyncio.sleep(RETRY_SECONDS)
            if self._writer is None:
                self._tasks = [task for task in self._tasks if not task.done()]
                try:
                    joined = await self._connect() or await self._take_over()
                except OSError as fault:
                    log.error("the ledger cannot be reached: %s", fault)
                    continue
                if joined:
                    log.warning("this process %s the ledger", "writes" if self.writes_itself else "is joined again to")

    async def _ask(self, method: str, *arguments: Any, patience: float | None = None) -> Any:
        if self._own is not None:
            return await getattr(self._own, method)(*arguments)
        try:
            async with asyncio.timeout(patience):
                return await self._request(method, arguments)
        except TimeoutError:
            raise LedgerUnavailable("the process that writes the ledger does not answer") from None

    async def _request(self, method: str, arguments: tuple[Any, ...]) -> Any:
        if self._writer is None:
            raise LedgerUnavailable("the process that writes the ledger cannot be reached")
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            write_frame(self._writer, (number, method, arguments))
            return await answer
        except ConnectionError:
            raise LedgerUnavailable("the process that writes the ledger went away") from None
        finally:
            self._waiting.pop(number, None)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                number, fine, value = await read_frame(reader)
                if number == EVENT:
                    self._events.publish(value)
                elif (answer := self._waiting.get(number)) is not None and not answer.done():
                    if fine:
                        answer.set_result(value)
                    else:
                        answer.set_exception(LedgerUnavailable(value))
        except (OSError, ValueError):
            pass
        finally:
            self._writer = None
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(LedgerUnavailable("the process that writes the ledger went away"))
            writer.close()

    def _forget_changed(self, event: LedgerEvent) -> None:
        if event.what == "message":
            self.forget_states_of(event.message)
        else:
            self.forget_all_states()
