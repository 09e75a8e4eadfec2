"""Backup under load, integrity, upgrade, and the move to another database.

Each works from any process, beside a running mailglass; only ``upgrade_ledger`` and the target of ``copy_ledger``
are written.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Table, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import consent_schema  # noqa: F401 - adds its tables to the metadata
from ledger.engine import Place, reading_engine
from ledger.fault_words import words_for
from ledger.faults import LedgerFault, LedgerUnavailable
from ledger.migrations import HEAD
from ledger.records_writing import INSERT_WORDS
from ledger.schema import message, metadata
from ledger.transactions import transactions_for
from ledger.upgrade import upgrade, version_of
from ledger.words import words_of

CHUNK = 1000
BUSY_SECONDS = 30.0
ALL_TABLES = metadata.sorted_tables


async def backup(place: Place, target: Path) -> None:
    """A whole, compact and checked copy of one moment, while others read and write. The file has mode 0600.

    Raises FileExistsError rather than overwrite, and LedgerUnavailable. PostgreSQL has pg_dump for this.
    """
    if place.path is None:
        raise LedgerUnavailable("use pg_dump to back a PostgreSQL ledger up")
    await asyncio.to_thread(_backup, place.path, target)


async def check(place: Place) -> list[str]:
    """Everything that is wrong, in words; nothing when the ledger is sound. Raises LedgerUnavailable."""
    engine = reading_engine(place)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(version_of)
            faults = [] if found == HEAD else [f"the schema is {found or 'missing'}, this mailglass needs {HEAD}"]
            if place.path is not None:
                rows = (await connection.execute(text("PRAGMA integrity_check"))).scalars().all()
                faults += [row for row in rows if row != "ok"]
                loose = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
                faults += [f"table {row[0]}: row {row[1]} belongs to a missing row of {row[2]}" for row in loose]
            return faults
    except Exception as fault:
        raise LedgerUnavailable(f"the ledger cannot be checked: {words_for(fault, place)}") from fault
    finally:
        await engine.dispose()


async def exists(place: Place) -> bool:
    """Whether there is a ledger at all, of whatever version. Raises LedgerUnavailable."""
    if place.path is not None:
        return place.path.exists()
    return await version(place) is not None


async def upgrade_ledger(place: Place) -> tuple[str | None, str]:
    """The schema before and after. Raises SchemaTooNew and LedgerUnavailable."""
    if place.path is not None and not place.path.exists():
        before = None
    else:
        before = await version(place)
    transactions = transactions_for(place)
    try:
        await transactions.run(upgrade)
    finally:
        await transactions.close()
    return before, HEAD


async def copy_ledger(source: Place, target: Place, progress: Callable[[str, int], object] = lambda *_: None) -> int:
    """Copies everything of one moment into an empty ledger of either kind; how many rows. ``progress`` hears of each
    table's rows. Raises LedgerUnavailable when the target is not empty."""
    await upgrade_ledger(target)
    engine, transactions = reading_engine(source), transactions_for(target)
    copied = 0
    try:
        async with engine.connect() as connection:
            if source.path is not None:
                await connection.execute(text("SELECT count(*) FROM message"))  # the moment begins here
            if await transactions.run(_is_used):
                raise LedgerUnavailable("the target already holds records; nothing was copied")
            for table in ALL_TABLES:
                async for rows in _chunks(connection, table):
                    await transactions.run(partial(_put, table=table, rows=rows))
                    copied += len(rows)
                    progress(table.name, len(rows))
            await transactions.run(_set_sequences)
    except LedgerFault:
        raise
    except (DBAPIError, OSError, UnicodeError) as fault:
        raise LedgerUnavailable(f"the ledger cannot be read: {words_for(fault, source)}") from fault
    finally:
        await transactions.close()
        await engine.dispose()
    return copied


async def count_rows(place: Place) -> int:
    """About how many rows ``copy_ledger`` has to copy. Raises LedgerUnavailable."""
    engine = reading_engine(place)
    try:
        async with engine.connect() as connection:
            return sum(
                [
                    (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                    for table in ALL_TABLES
                ]
            )
    except (DBAPIError, OSError, UnicodeError) as fault:
        raise LedgerUnavailable(f"the ledger cannot be read: {words_for(fault, place)}") from fault
    finally:
        await engine.dispose()


def _backup(path: Path, target: Path) -> None:
    handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        # VACUUM INTO reads one moment's state and takes an empty file; what was erased is not copied.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)) as source:
            source.execute("VACUUM INTO ?", (str(target),))
        with closing(sqlite3.connect(f"{target.absolute().as_uri()}?mode=ro", uri=True)) as written:
            (result,) = written.execute("PRAGMA integrity_check(1)").fetchone()
        if result != "ok":
            raise LedgerUnavailable(f"the backup is not sound: {result}")
        os.fsync(handle)
    except sqlite3.Error as fault:
        target.unlink(missing_ok=True)
        raise LedgerUnavailable(f"the ledger could not be backed up: {fault}") from fault
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


async def version(place: Place) -> str | None:
    """The schema of a ledger that is there; None when it has no tables. Raises LedgerUnavailable."""
    engine = reading_engine(place)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(version_of)
    except Exception as fault:
        raise LedgerUnavailable(f"the ledger cannot be read: {words_for(fault, place)}") from fault
    finally:
        await engine.dispose()


async def _chunks(connection: AsyncConnection, table: Table) -> AsyncIterator[list[dict[str, object]]]:
    # Streamed in the order of the key: memory does not grow with the table.
    statement = select(table).order_by(*table.primary_key.columns)
    result = await connection.stream(statement, execution_options={"yield_per": CHUNK})
    async for rows in result.mappings().partitions(CHUNK):
        yield [dict(row) for row in rows]


def _put(connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    connection.execute(insert(table), rows)
    if table is message:
        words = [{"seq": row["seq"], "words": words_of(row["recipients"], row["subject"])} for row in rows]  # type: ignore[arg-type]
        connection.execute(INSERT_WORDS, words)


def _is_used(connection: Connection) -> bool:
    return any(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in ALL_TABLES)


def _set_sequences(connection: Connection) -> None:
    """PostgreSQL's sequences do not notice rows that came with their numbers."""
    if connection.dialect.name != "postgresql":
        return
    for table in ALL_TABLES:
        column = table.autoincrement_column
        if column is not None and inspect(connection).has_table(table.name):
            highest = connection.execute(select(func.max(column))).scalar()
            if highest is not None:
                sequence = func.pg_get_serial_sequence(table.name, column.name)
                connection.execute(select(func.setval(sequence, highest)))
