"""How a database is opened: where it lies, with which promises, and who may write.

SQLite is read through aiosqlite and written through one synchronous connection in a thread of its own, because every
statement through an asynchronous driver is a hop between threads, and a group of hits has to cost one
(docs/decisions/0030); what each message asks goes the shorter way of quick_reader.py. PostgreSQL is read and written
through asyncpg. Knows no table.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from config.database_url import fault_of_database_url
from config.settings import Settings

# Other processes only ever hold the lock for a backup's last step or an operator's shell. The writer asks again
# by itself, so waiting inside one attempt would only keep it from noticing that nobody waits any more: what was given
# up meanwhile, and went to the journal or was counted as lost, would be stored all the same.
BUSY_MILLISECONDS = 0
READING_BUSY_MILLISECONDS = 2000
READING_CONNECTIONS = 4
CHECKPOINT_PAGES = 8000  # 32 MB


@dataclass(frozen=True, slots=True)
class Place:
    """Where the ledger is. ``path`` is None for PostgreSQL."""

    url: URL
    path: Path | None
    full_sync: bool

    def __repr__(self) -> str:
        return f"Place({self.path or self.url.render_as_string(hide_password=True)})"


def place_of(settings: Settings) -> Place:
    """Where ``[ledger] url`` points to, relative to ``data_dir``."""
    return parse_place(settings.ledger.url, settings.data_dir, settings.ledger.durability == "power")


def parse_place(text: str, folder: Path, full_sync: bool = True) -> Place:
    """Raises ValueError for anything but sqlite:///… and postgresql://…."""
    if fault := fault_of_database_url(text):
        raise ValueError(f"this URL {fault}")
    url = make_url(text)
    if url.get_backend_name() == "postgresql":
        return Place(url.set(drivername="postgresql+asyncpg"), None, full_sync)
    path = (folder / (url.database or "")).absolute()
    return Place(URL.create("sqlite", database=str(path)), path, full_sync)


def prepare_folder(path: Path) -> None:
    """The folder with mode 0700 and the file with 0600, whatever the umask is. Raises OSError.

    A file that is there is not opened: closing it would give up every lock that this process holds on it (fcntl(2)),
    those of SQLite too, and the next program to leave the ledger would delete the log that we still write to.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)


def sqlite_writing_engine(place: Place) -> Engine:
    """An engine of one connection whose transactions take the write lock when they begin.

    A transaction that begins by reading and then writes fails at once when another wrote in between
    (SQLITE_BUSY_SNAPSHOT), whatever the timeout: hence BEGIN IMMEDIATE.
    """
    assert place.path is not None
    path = place.path

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MILLISECONDS / 1000)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if place.full_sync else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        # A page that many hits touch is copied back once for all of them; the log is cut again after a flood.
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {2 * CHECKPOINT_PAGES * 4096}")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
        return connection

    # pysqlite must not begin transactions by itself (isolation_level None): it would leave DDL outside of them.
    engine = create_engine(
        "sqlite+pysqlite://", creator=connect, poolclass=StaticPool, connect_args={"check_same_thread": False},
        hide_parameters=True,
    )  # fmt: skip
    event.listen(engine, "begin", _begin_immediate)
    return engine


def keep_temporary_in_memory(connection: Connection) -> None:
    """For the writer, once the schema is as it should be.

    What one statement of several changes SQLite keeps as it was until that statement has succeeded; beyond 64 kB in a
    file in /var/tmp, with pages of the ledger in it, made and removed for each newsletter in a group of changes. So no
    statement may change any number of rows (ledger/portions.py); those of an upgrade do, and go through a file, or they
    would take the memory of a whole index.
    """
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("PRAGMA temp_store = MEMORY")


def reading_engine(place: Place) -> AsyncEngine:
    """An engine whose connections cannot change anything."""
    if place.path is None:
        engine = create_async_engine(place.url, pool_size=READING_CONNECTIONS, pool_pre_ping=True, hide_parameters=True)
        return engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")
    url = URL.create("sqlite+aiosqlite", database=place.path.as_uri(), query={"mode": "rw", "uri": "true"})
    engine = create_async_engine(
        url, pool_size=READING_CONNECTIONS, max_overflow=2 * READING_CONNECTIONS, hide_parameters=True
    )
    engine.dialect.statement_compiler = _HintingCompiler
    event.listen(engine.sync_engine, "connect", _read_only)
    return engine


class _HintingCompiler(SQLiteCompiler):
    """Writes ``with_hint`` out, which SQLAlchemy leaves to the dialect and SQLite's leaves out: INDEXED BY."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        return text


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _read_only(raw_connection: Any, _record: object) -> None:
    cursor = raw_connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.execute(f"PRAGMA busy_timeout = {READING_BUSY_MILLISECONDS}")
    cursor.close()
