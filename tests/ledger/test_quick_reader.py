"""Short questions see what is committed and what file is there, and leave nothing behind."""

from __future__ import annotations

import gc
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from config.settings import Settings
from ledger.faults import LedgerUnavailable
from ledger.quick_reader import KEPT_STATEMENTS
from ledger.reading import LedgerReader
from ledger.store import Store
from tests.ledger.samples import a_record, settings_for

HOW_MANY = "SELECT count(*) FROM message"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path / "data")


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    opened = await Store.open(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def reader(settings: Settings, store: Store) -> AsyncIterator[LedgerReader]:
    """As in a process beside the one that writes."""
    opened = LedgerReader(settings)
    yield opened
    await opened.close_reading()


async def ledger_of(folder: Path, messages: int) -> Path:
    store = await Store.open(settings_for(folder))
    for _ in range(messages):
        await store.register(a_record())
    await store.close()
    return folder / "mailglass.db"


async def test_each_question_sees_what_was_committed_before(store: Store, reader: LedgerReader) -> None:
    assert await reader.quick_rows(HOW_MANY, ()) == [(0,)]
    await store.register(a_record())
    assert await reader.quick_rows(HOW_MANY, ()) == [(1,)]


async def test_nothing_can_be_changed(store: Store, reader: LedgerReader) -> None:
    await store.register(a_record())
    with pytest.raises(LedgerUnavailable):
        await reader.quick_rows("DELETE FROM message", ())
    assert await reader.quick_rows(HOW_MANY, ()) == [(1,)]


async def test_an_answer_that_was_read_holds_no_change_back(store: Store, reader: LedgerReader) -> None:
    for _ in range(3):
        await store.register(a_record())
    assert len(await reader.quick_rows("SELECT id FROM message", ()) or ()) == 3
    await store.register(a_record())
    with closing(sqlite3.connect(str(store.place.path))) as other:
        busy, in_the_log, copied = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, in_the_log, copied) == (0, 0, 0)


async def test_a_file_that_is_put_in_its_place_is_asked_from_then_on(tmp_path: Path) -> None:
    path = await ledger_of(tmp_path / "one", 1)
    reader = LedgerReader(settings_for(tmp_path / "one"))
    assert await reader.quick_rows(HOW_MANY, ()) == [(1,)]
    (await ledger_of(tmp_path / "two", 2)).rename(path)
    assert await reader.quick_rows(HOW_MANY, ()) == [(2,)]
    await reader.close_reading()


async def test_a_damaged_file_gives_no_answer_until_it_is_repaired(tmp_path: Path) -> None:
    path = await ledger_of(tmp_path, 1)
    whole = shutil.copy(path, tmp_path / "whole")
    path.write_bytes(b"no database" * 1000)
    reader = LedgerReader(settings_for(tmp_path))
    with pytest.raises(LedgerUnavailable, match="not a database"):
        await reader.quick_rows(HOW_MANY, ())
    path.write_bytes(whole.read_bytes())
    assert await reader.quick_rows(HOW_MANY, ()) == [(1,)]
    await reader.close_reading()


async def test_a_file_that_is_not_there_gives_no_answer_and_is_not_made(tmp_path: Path) -> None:
    reader = LedgerReader(settings_for(tmp_path))
    with pytest.raises(LedgerUnavailable):
        await reader.quick_rows(HOW_MANY, ())
    assert list(tmp_path.iterdir()) == []
    await reader.close_reading()


async def test_questions_of_many_lengths_are_not_all_kept(tmp_path: Path) -> None:
    """Each number of keys is another text, and SQLite's form of a long one takes megabytes."""
    await ledger_of(tmp_path, 1)
    reader = LedgerReader(settings_for(tmp_path))
    before = statements_kept()
    for count in range(1, 50):
        await reader.quick_rows(f"{HOW_MANY} WHERE id IN ({', '.join('?' * count)})", [b"x"] * count)
    assert statements_kept() - before <= KEPT_STATEMENTS
    await reader.close_reading()


def statements_kept() -> int:
    return sum(type(thing).__name__ == "Statement" for thing in gc.get_objects())
