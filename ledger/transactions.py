"""One transaction at a time on the one connection that writes, for SQLite and for PostgreSQL.

Opens the database, creates and upgrades it, notices when its file was taken away or replaced, and says in one
exception whether waiting may help (``Locked``) or not (``LedgerUnavailable``). Knows no table.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from ledger.engine import Place, keep_temporary_in_memory, prepare_folder, sqlite_writing_engine
from ledger.fault_words import words_for
from ledger.faults import LedgerUnavailable
from ledger.row_source import forget_kinds
from ledger.upgrade import upgrade
from ledger.work_thread import WorkThread

log = logging.getLogger("mailglass.ledger")
T = TypeVar("T")
_BUSY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Locked(LedgerUnavailable):
    """Another process holds the write lock: the same transaction may succeed in a moment."""


class Transactions(Protocol):
    """Runs one piece of work in a transaction of its own: all of it is committed when ``run`` returns."""

    async def run(self, work: Callable[[Connection], T], is_one: bool = False) -> T:
        """``is_one``: what ``work`` changes, it changes in one statement, or after beginning a transaction itself."""

    async def close(self) -> None: ...


def transactions_for(place: Place, on_open: Callable[[], None] = lambda: None) -> Transactions:
    """``on_open`` is called, inside the first transaction of each, when a file is opened: it may be another one than
    before, of which nothing is known yet."""
    return SqliteTransactions(place, on_open) if place.path is not None else PostgresTransactions(place)


class SqliteTransactions:
    """Everything happens in one thread: a group of changes costs one hop, however many statements it has."""

    def __init__(self, place: Place, on_open: Callable[[], None] = lambda: None) -> None:
        assert place.path is not None
        self._place = place
        self._on_open = on_open
        self._path = place.path
        self._log = Path(f"{place.path}-wal")
        self._thread = WorkThread("ledger")
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._log_inode: tuple[int, int] | None = None

    async def run(self, work: Callable[[Connection], T], is_one: bool = False) -> T:
        return await self._thread.run(self._one if is_one else self._transaction, work)

    async def close(self) -> None:
        await self._thread.run(lambda _: self._drop(), None)
        self._thread.close()

    def _one(self, work: Callable[[Connection], T]) -> T:
        # A statement outside a transaction is one, and its end the commit: that saves the lock of the interpreter two
        # more ways there and back. SQLAlchemy begins one by itself where its own way of asking is used.
        return self._committed(work)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        def begun(connection: Connection) -> T:
            connection.begin()
            return work(connection)

        return self._committed(begun)

    def _committed(self, work: Callable[[Connection], T]) -> T:
        try:
            connection = self._attend()
            try:
                result = work(connection)
                if connection.in_transaction():
                    connection.commit()
                return result
            finally:
                if connection.in_transaction():
                    connection.rollback()
                    forget_kinds(connection)
        except (IntegrityError, DataError, ProgrammingError):
            raise
        except sqlite3.IntegrityError as fault:  # of a statement that did not go through SQLAlchemy
            raise IntegrityError(None, None, fault) from fault
        except (DBAPIError, sqlite3.Error, OSError) as fault:
            raise self._named(fault) from fault

    def _named(self, fault: Exception) -> LedgerUnavailable:
        if isinstance(fault, LedgerUnavailable):
            return fault
        original = fault.orig if isinstance(fault, DBAPIError) else fault
        code = getattr(original, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _BUSY_CODES:
            return Locked("the ledger is locked by another process")
        self._drop()  # the next attempt opens it anew, so that a repaired or replaced file is found
        return LedgerUnavailable(f"the ledger does not take changes: {original}")

    def _attend(self) -> Connection:
        """The open connection, to the file that is at the path at this moment."""
        if self._connection is not None:
            inode = _inode_of(self._path)
            if inode == self._inode:
                return self._connection
            if inode is None:
                self._rescue()
            else:
                log.error("the ledger's file was replaced; opening it anew")
                self._finish_old_file()
        return self._open()

    def _finish_old_file(self) -> None:
        """Closes a file that is no longer at its path. It may only have been moved away for a moment, so what stands
        in its log goes into it first; and the log is empty then, else it would be replayed into the next file."""
        assert self._connection is not None
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        try:
            busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            busy = 1
        self._drop()
        # Not if somebody put a log of its own beside the new file: that is another one than ours was.
        if busy and self._log_inode is not None and _inode_of(self._log) == self._log_inode:
            self._log.unlink(missing_ok=True)
            Path(f"{self._path}-shm").unlink(missing_ok=True)

    def _open(self) -> Connection:
        prepare_folder(self._path)
        self._engine = sqlite_writing_engine(self._place)
        self._connection = self._engine.connect()
        self._inode = _inode_of(self._path)
        try:
            with self._connection.begin():
                if upgrade(self._connection):
                    log.info("the ledger was brought to the present schema")
            keep_temporary_in_memory(self._connection)
        except BaseException:
            self._drop()  # locked, say: nobody may work with it before it is upgraded
            raise
        self._log_inode = _inode_of(self._log)
        self._on_open()
        return self._connection

    def _rescue(self) -> None:
        """Writes the file again that somebody deleted: as long as it is open, everything in it is still there."""
        assert self._connection is not None
        rescued = self._path.with_name(self._path.name + ".rescued")
        rescued.unlink(missing_ok=True)
        prepare_folder(rescued)  # VACUUM INTO takes an empty file, and keeps its mode
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute("VACUUM INTO ?", (str(rescued),))
        self._finish_old_file()
        rescued.rename(self._path)
        log.error("the ledger's file was deleted; written again from the open one")

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(DBAPIError, sqlite3.Error):
                self._connection.close()
        if self._engine is not None:
            with contextlib.suppress(DBAPIError, sqlite3.Error):
                self._engine.dispose()
        self._connection = self._engine = self._inode = None


class PostgresTransactions:
    """The same work, handed to the synchronous face of an asyncpg connection."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._engine = create_async_engine(
            place.url, pool_size=1, max_overflow=0, pool_pre_ping=True, hide_parameters=True
        )
        self._upgraded = False

    async def run(self, work: Callable[[Connection], T], is_one: bool = False) -> T:
        try:
            if not self._upgraded:
                async with self._engine.begin() as connection:
                    await connection.run_sync(upgrade)
                self._upgraded = True
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)
        except (IntegrityError, DataError, ProgrammingError):
            raise
        except (DBAPIError, OSError, UnicodeError) as fault:
            raise LedgerUnavailable(f"the ledger does not take changes: {words_for(fault, self._place)}") from fault

    async def close(self) -> None:
        await self._engine.dispose()


def _inode_of(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
