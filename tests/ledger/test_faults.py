"""What happens to the ledger's file while it is open, and what the ledger makes of it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from ledger.accounts import set_addresses
from ledger.engine import prepare_folder
from ledger.faults import LedgerUnavailable, SchemaTooNew
from ledger.migrations import HEAD
from ledger.notices import note_digest
from ledger.own_words import set_tags
from ledger.records import State
from ledger.store import Store
from tests.ledger.samples import NOW, a_hit, a_record, rows, settings_for, the_row


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(settings_for(tmp_path))
    opened.patience_seconds = 10
    yield opened
    await opened.close()


@pytest.fixture
def file(store: Store) -> Path:
    assert store.place.path is not None
    return store.place.path


@contextmanager
def locked(file: Path) -> Iterator[sqlite3.Connection]:
    """Another process's connection that holds the lock for writing until it rolls back."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def well_again(store: Store, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while store.fault is not None:
            await asyncio.sleep(0.02)


async def test_a_locked_database_is_waited_for(store: Store, file: Path) -> None:
    record = a_record()
    with locked(file) as other:
        waiting = asyncio.create_task(store.register(record))
        async with asyncio.timeout(5):
            while store.fault is None:
                await asyncio.sleep(0.02)
        other.execute("ROLLBACK")
        await waiting
    assert store.fault is None
    assert await the_row(store, "SELECT count(*) FROM message") == (1,)


async def test_a_ledger_that_is_locked_at_the_start_keeps_nobody_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail and links work without it; whoever holds the lock may not be noticed for days."""
    monkeypatch.setattr("ledger.store.START_PATIENCE_SECONDS", 0.1)
    settings = settings_for(tmp_path)
    await (await Store.open(settings)).close()
    with locked(tmp_path / "mailglass.db") as other:
        async with asyncio.timeout(30):
            opened = await Store.open(settings)
        assert opened.fault == "the ledger is locked by another process"
        other.execute("ROLLBACK")
    await well_again(opened)
    await opened.register(a_record())
    assert await the_row(opened, "SELECT count(*) FROM message") == (1,)
    await opened.close()


async def test_a_ledger_that_was_locked_at_the_start_gets_its_schema_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.store.START_PATIENCE_SECONDS", 0.1)
    settings = settings_for(tmp_path)
    with closing(sqlite3.connect(tmp_path / "mailglass.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        opened = await Store.open(settings)
        other.execute("ROLLBACK")
    await well_again(opened)
    await opened.register(a_record())
    assert await the_row(opened, "SELECT count(*) FROM alembic_version") == (1,)
    await opened.close()


async def test_what_somebody_asked_for_is_given_up_when_the_lock_lasts_and_not_done_later(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They heard that it was not done, and may have thought better of it since."""
    record = a_record()
    await store.register(record)
    monkeypatch.setattr("ledger.store.LOCK_PATIENCE_SECONDS", 0.1)
    with locked(file) as other:
        with pytest.raises(LedgerUnavailable, match="locked"):
            await store.stop(record.id, NOW)
        with pytest.raises(LedgerUnavailable, match="locked"):
            await store.write(set_tags, record.id, ["word"])
        other.execute("ROLLBACK")
    await well_again(store)
    assert await the_row(store, "SELECT stopped_at, (SELECT count(*) FROM tag) FROM message") == (None, 0)


async def test_what_somebody_asked_for_is_given_up_behind_any_number_of_others(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = a_record()
    await store.register(record)
    monkeypatch.setattr("ledger.store.LOCK_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr("ledger.writer.GROUP_LIMIT", 2)
    with locked(file) as other:
        waiting = [asyncio.create_task(store.settle(record.id, State.SENT, "250 ok", NOW)) for _ in range(5)]
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            with pytest.raises(LedgerUnavailable, match="locked"):
                await store.stop(record.id, NOW)
        other.execute("ROLLBACK")
        await asyncio.gather(*waiting)
    assert await the_row(store, "SELECT state, stopped_at FROM message") == ("sent", None)


async def test_what_has_happened_waits_for_the_lock_however_long(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = a_record()
    await store.register(record)
    monkeypatch.setattr("ledger.store.LOCK_PATIENCE_SECONDS", 0.05)
    with locked(file) as other:
        waiting = [
            asyncio.create_task(one)
            for one in (
                store.settle(record.id, State.SENT, "250 ok", NOW),
                store.add_hits([a_hit(record.id)]),
                store.write(note_digest, 1, "2026-11-24"),
            )
        ]
        with pytest.raises(LedgerUnavailable, match="locked"):  # meanwhile another's patience ends
            await store.stop(record.id, NOW)
        other.execute("ROLLBACK")
        await asyncio.gather(*waiting)
    assert await the_row(store, "SELECT state, opens_confirmed, stopped_at FROM message") == ("sent", 1, None)


async def test_a_record_that_waited_too_long_is_not_there_later(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message went out untracked, so a record that says otherwise would be a lie."""
    with locked(file) as other:
        with monkeypatch.context() as impatient:
            impatient.setattr("ledger.store.MESSAGE_PATIENCE_SECONDS", 0.1)
            with pytest.raises(LedgerUnavailable):
                await store.register(a_record())
        other.execute("ROLLBACK")
    await store.register(a_record(subject="later"))
    assert await rows(store, "SELECT subject FROM message") == [("later",)]


async def test_a_deleted_file_is_written_again_with_everything_in_it(store: Store, file: Path) -> None:
    record = a_record()
    await store.register(record)
    await store.add_hits([a_hit(record.id)])
    for path in file.parent.glob("mailglass.db*"):
        path.unlink()
    await store.add_hits([a_hit(record.id, timedelta(hours=1))])
    assert file.stat().st_mode & 0o777 == 0o600
    assert await the_row(store, "SELECT opens_confirmed FROM message") == (2,)
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert other.execute("SELECT count(*) FROM hit").fetchone() == (2,)


async def test_a_restored_file_is_noticed(store: Store, file: Path, tmp_path: Path) -> None:
    record = a_record()
    await store.register(record)
    saved = tmp_path / "saved.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("VACUUM INTO ?", (str(saved),))
    await store.register(a_record())
    saved.rename(file)
    await store.add_hits([a_hit(record.id)])
    assert await the_row(store, "SELECT count(*), sum(opens_confirmed) FROM message") == (1, 1)


async def test_a_file_with_other_messages_in_it_takes_the_next_one(store: Store, file: Path, tmp_path: Path) -> None:
    for _ in range(3):
        await store.register(a_record())
    saved = tmp_path / "saved.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("VACUUM INTO ?", (str(saved),))
        other.execute("PRAGMA foreign_keys = ON")
        other.execute("DELETE FROM message WHERE seq > 1")
        other.commit()
    await store.close()  # two that write would take the new file for one of theirs
    again = await Store.open(store.settings)  # which counts from the one that is left
    await again.register(a_record())
    saved.rename(file)
    await again.register(a_record())
    assert await the_row(again, "SELECT count(*), max(seq) FROM message") == (4, 4)
    await again.close()


async def test_a_file_of_a_later_version_that_came_while_running_is_touched_by_nothing(
    store: Store, file: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "saved.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("VACUUM INTO ?", (str(saved),))
    with closing(sqlite3.connect(saved)) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.commit()
    saved.rename(file)
    for _ in range(2):
        with pytest.raises(SchemaTooNew):
            await store.register(a_record())
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT count(*) FROM message").fetchone() == (0,)
        other.execute("UPDATE alembic_version SET version_num = ?", (HEAD,))
        other.commit()
    await well_again(store)
    await store.register(a_record())


async def test_a_damaged_file_is_a_fault_until_it_is_repaired(store: Store, file: Path, tmp_path: Path) -> None:
    record = a_record()
    await store.register(record)
    saved = tmp_path / "saved.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("VACUUM INTO ?", (str(saved),))
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"not a database at all" * 1000)
    damaged.rename(file)
    with pytest.raises(LedgerUnavailable):
        await store.add_hits([a_hit(record.id)])
    assert store.fault is not None
    assert not (await store.recording(a_record().id)).known  # an answer, not a fault
    saved.rename(file)
    await well_again(store)
    assert await store.add_hits([a_hit(record.id)]) == 1


async def test_a_full_disk_fails_the_change_and_passes(store: Store, file: Path) -> None:
    record = a_record()
    await store.register(record)

    def pages(limit: int) -> None:
        # The writer's own connection, since the limit is a connection's.
        raw = store._writer._transactions._connection.connection.driver_connection  # type: ignore[attr-defined]
        raw.execute(f"PRAGMA max_page_count = {limit}")

    await store._writer._transactions._thread.run(pages, 1)  # type: ignore[attr-defined]
    with pytest.raises(LedgerUnavailable, match="full"):
        await store.register(a_record(subject="x" * 200_000))
    await well_again(store)  # opened anew, without the limit
    await store.register(a_record())
    assert await the_row(store, "SELECT count(*) FROM message") == (2,)


async def test_a_folder_that_cannot_be_used_does_not_keep_anything_from_starting(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")
    store = await Store.open(settings_for(tmp_path / "var"))
    assert store.fault is not None
    with pytest.raises(LedgerUnavailable):
        await store.register(a_record())
    (tmp_path / "var").unlink()
    await well_again(store)
    await store.register(a_record())
    await store.close()


async def test_folder_and_file_are_the_owners_alone(tmp_path: Path) -> None:
    os.umask(0o000)
    try:
        store = await Store.open(settings_for(tmp_path / "var"))
        await store.register(a_record())
    finally:
        os.umask(0o022)
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "var").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    await store.close()


async def test_opening_anew_keeps_the_locks_of_those_who_read(store: Store, file: Path) -> None:
    """Else the next program that leaves the ledger is the last one, to SQLite's mind, and deletes the log with all that
    is written from then on."""
    await store.register(a_record())
    async with store.read():
        prepare_folder(file)  # as after a fault
    leaving = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM hit'); c.close()"
    subprocess.run([sys.executable, "-c", leaving, str(file)], check=True, timeout=60)
    assert Path(f"{file}-wal").exists()
    await store.register(a_record())
    with closing(sqlite3.connect(file)) as other:  # what a program sees that comes after
        assert other.execute("SELECT count(*) FROM message").fetchone() == (2,)


async def test_a_fault_of_ours_says_nothing_of_what_was_to_be_stored(store: Store) -> None:
    """D01: it goes into the log with its traceback."""
    with pytest.raises(IntegrityError) as told:
        await store.write(set_addresses, 4711, ["marker@example.com"])
    assert "marker" not in str(told.value)


async def test_after_closing_nothing_is_taken(store: Store) -> None:
    await store.close()
    with pytest.raises(LedgerUnavailable, match="closed"):
        await store.stop(a_record().id, NOW)
