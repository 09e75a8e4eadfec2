"""Reading the ledger: connections that change nothing, and the short answers that every hit asks for.

Shared by the process that writes and by those that hand it their changes. A failed reading is LedgerUnavailable; for
hits it is an answer ("nothing is known"), since a hit is recorded and answered all the same.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from sqlite3 import Error as SqliteError
from typing import Any

from sqlalchemy.exc import DBAPIError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from config.settings import Settings
from ledger.engine import Place, place_of, reading_engine
from ledger.fault_words import words_for
from ledger.faults import LedgerUnavailable
from ledger.message_id import ID_BYTES, MessageId, parse_message_id
from ledger.queries import recording as asking
from ledger.quick_reader import QuickReader
from ledger.recording import UNKNOWN, RecordingState

REMEMBERED_STATES = 10_000
REMEMBERED_COPIES = 1000  # of one message
ASKED_AT_ONCE = 200
STATE_SECONDS = 30.0  # then it is read again: networks of the sender may have come
UNKNOWN_SECONDS = 2.0
SESSIONS_SECONDS = 2.0
# Whether the upstream has accepted a message is on record a moment after its client heard so: that is waited for, and
# asked anew so often. A filter on the way, whose hit comes before, waits in vain, and need not wait long.
VERDICT_PATIENCE_SECONDS = 0.5
AWAITED_SECONDS = 0.02
IN_VAIN_SECONDS = 2.0  # its next hits do not wait as well: filters ask for all links of a message
# What a hit is depends on when its message was accepted and from where it was sent: on a busy machine that is worth a
# moment. With a ledger in trouble a hit must be answered within 300 ms.
PATIENCE_SECONDS = 1.0
PATIENCE_IN_TROUBLE_SECONDS = 0.1
# Without its destination a link has no answer but "not found", which is worse for its reader than a moment's wait.
DESTINATION_PATIENCE_SECONDS = 2.0
READY_SECONDS = 1.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class LedgerReader:
    """``read()`` for pages and lists; ``recording`` and ``destination`` for hits."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.place: Place = place_of(settings)
        self.clock = clock
        self.patience_seconds = PATIENCE_SECONDS
        # The same in all processes of one run and written nowhere: names made with it lead back to nobody afterwards.
        self.run_secret = secrets.token_bytes(32)
        self._engine = reading_engine(self.place)
        self._quick = None if self.place.path is None else QuickReader(self.place.path)
        self._inode = self._file_now()
        self._wanted: dict[tuple[MessageId, int], list[asyncio.Future[RecordingState]]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._sessions: tuple[float, frozenset[bytes]] = (0.0, frozenset())  # until when they hold
        self._awaited_in_vain: dict[bytes, float] = {}  # verdicts on messages, and until when nobody waits again
        self._states: OrderedDict[bytes, dict[int, tuple[float, RecordingState]]] = OrderedDict()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that cannot change anything. Raises LedgerUnavailable."""
        await self._follow_file()
        connection = self._engine.connect()
        try:
            await connection.start()
        except (DBAPIError, SqliteError, OSError, UnicodeError) as fault:
            raise LedgerUnavailable(f"the ledger cannot be read: {words_for(fault, self.place)}") from fault
        try:
            yield connection
        except ProgrammingError:
            raise  # a fault of ours
        except DBAPIError as fault:
            raise LedgerUnavailable(f"the ledger cannot be read: {words_for(fault, self.place)}") from fault
        finally:
            await connection.close()

    async def quick_rows(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]] | None:
        """What SQLite answers to a short question that each message asks; None where it has to be asked by ``read()``.
        Raises LedgerUnavailable."""
        if self._quick is None:
            return None
        await self._follow_file()
        try:
            return await self._quick.rows(statement, values)
        except SqliteError as fault:
            raise LedgerUnavailable(f"the ledger cannot be read: {words_for(fault, self.place)}") from fault

    @property
    def fault(self) -> str | None:
        """Why the ledger is known not to be well; None when nothing speaks for it."""
        return None

    def _patience(self) -> float:
        return self.patience_seconds if self.fault is None else PATIENCE_IN_TROUBLE_SECONDS

    async def recording(self, message_id: MessageId, copy: int = 0) -> RecordingState:
        """What is known of a message, from memory when it was asked lately; UNKNOWN rather than a fault or a wait."""
        found = self._states.get(message_id.raw, {}).get(copy)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        try:
            async with asyncio.timeout(self._patience()):
                return await self._asked(message_id, copy)
        except TimeoutError:
            return found[1] if found is not None else UNKNOWN

    async def recording_after_verdict(self, message_id: MessageId, copy: int = 0) -> RecordingState:
        """The same, once the upstream's verdict is on record; without it when there is none soon."""
        state = await self.recording(message_id, copy)
        if state.awaited_since is None or self._awaited_in_vain.get(message_id.raw, 0.0) > time.monotonic():
            return state
        until = time.monotonic() + VERDICT_PATIENCE_SECONDS
        while state.awaited_since is not None and self.fault is None:
            if time.monotonic() >= until:
                if len(self._awaited_in_vain) >= REMEMBERED_STATES:
                    self._awaited_in_vain.clear()
                self._awaited_in_vain[message_id.raw] = until + IN_VAIN_SECONDS
                break
            await asyncio.sleep(AWAITED_SECONDS)
            state = await self.recording(message_id, copy)
        return state

    def _asked(self, message_id: MessageId, copy: int) -> asyncio.Future[RecordingState]:
        # Whoever asks while others are being answered shares the next question.
        answer: asyncio.Future[RecordingState] = asyncio.get_running_loop().create_future()
        self._wanted.setdefault((message_id, copy), []).append(answer)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._look_up_states(), name="recording states")
        return answer

    async def _look_up_states(self) -> None:
        while self._wanted:
            wanted = dict(islice(self._wanted.items(), ASKED_AT_ONCE))
            for key in wanted:
                del self._wanted[key]
            try:
                async with self.read() as connection:
                    window = self.settings.hits.own_address
                    states = await asking.recordings(connection, wanted, self.clock(), window)
            except (LedgerUnavailable, SQLAlchemyError):
                states = {}
            for (message_id, copy), answers in wanted.items():
                state = states.get((message_id, copy))
                if state is not None:
                    self._remember(message_id, copy, state)
                for answer in answers:
                    if not answer.done():
                        answer.set_result(state or UNKNOWN)

    async def get_ready(self) -> None:
        """Asks once what hits ask, of a message that is not there: the first question of a process opens a connection
        and makes the statements, which can take longer than a visitor waits. Never raises."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._asked(MessageId(bytes(ID_BYTES)), 0)
        except TimeoutError:
            pass  # a ledger that does not answer must not keep the links from working

    def recording_at_hand(self, message_id: MessageId, copy: int = 0) -> RecordingState | None:
        """The same without asking the database; None when it would have to be asked."""
        found = self._states.get(message_id.raw, {}).get(copy)
        return found[1] if found is not None and found[0] > time.monotonic() else None

    async def live_sessions(self) -> frozenset[bytes]:
        """The hashes of the page's sessions, as of some seconds ago; nobody's when the ledger does not answer."""
        if self._sessions[0] <= time.monotonic():
            try:
                async with asyncio.timeout(self._patience()), self.read() as connection:
                    found = await asking.live_sessions(connection, self.clock())
            except (LedgerUnavailable, SQLAlchemyError, TimeoutError):
                found = self._sessions[1]
            self._sessions = (time.monotonic() + SESSIONS_SECONDS, found)
        return self._sessions[1]

    async def destination(self, message_id: MessageId, link: int) -> str | None:
        """Where a tracked link leads; None when the ledger does not know or does not answer."""
        try:
            async with asyncio.timeout(DESTINATION_PATIENCE_SECONDS), self.read() as connection:
                return await asking.destination(connection, message_id, link)
        except (LedgerUnavailable, SQLAlchemyError, TimeoutError):
            return None

    def forget_state(self, message_id: MessageId) -> None:
        self._states.pop(message_id.raw, None)

    def _remember(self, message_id: MessageId, copy: int, state: RecordingState) -> None:
        of_message = self._states.setdefault(message_id.raw, {})
        if len(of_message) >= REMEMBERED_COPIES:
            of_message.clear()
        seconds = STATE_SECONDS if state.known else UNKNOWN_SECONDS
        if state.awaited_since is not None:
            seconds = AWAITED_SECONDS  # it may have been settled between being read and getting here
        of_message[copy] = (time.monotonic() + seconds, state)
        if len(self._states) > REMEMBERED_STATES:
            self._states.popitem(last=False)

    def forget_states_of(self, message: str) -> None:
        """The same for an id written as a ULID."""
        message_id = parse_message_id(message)
        if message_id is not None:
            self.forget_state(message_id)

    def forget_all_states(self) -> None:
        self._states.clear()

    async def close_reading(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        if self._quick is not None:
            await self._quick.close()
        await self._engine.dispose()

    def _file_now(self) -> tuple[tuple[int, int] | None, ...]:
        """Which file and which log of changes lie there at this moment."""
        path = self.place.path
        return () if path is None else (_inode_of(path), _inode_of(path.with_name(path.name + "-wal")))

    async def _follow_file(self) -> None:
        inode = self._file_now()
        if inode != self._inode:  # deleted and written again, or restored: open connections see the old one
            self._inode = inode
            if self._quick is not None:
                self._quick.forget()
            await self._engine.dispose()


def _inode_of(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
