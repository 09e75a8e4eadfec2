"""Backup under load, integrity, moving house, and what goes with time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.engine import parse_place
from ledger.faults import LedgerUnavailable
from ledger.maintenance import backup, check, copy_ledger, upgrade_ledger
from ledger.migrations import HEAD
from ledger.queries import ADMINISTRATOR, MessageFilter, list_messages
from ledger.records import CopyRecord, State
from ledger.retention import purge, tidy
from ledger.store import Store
from tests.ledger.postgres import PostgresServer
from tests.ledger.samples import NOW, a_hit, a_record, rows, settings_for, the_row


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(settings_for(tmp_path), clock=lambda: NOW)
    yield opened
    await opened.close()


async def test_a_backup_under_load_is_whole(store: Store, tmp_path: Path) -> None:
    record = a_record()
    await store.register(record)
    stored = 0
    stopping = asyncio.Event()

    async def load() -> None:
        nonlocal stored
        while not stopping.is_set():
            stored += await store.add_hits([a_hit(record.id, timedelta(seconds=stored))])

    loading = asyncio.create_task(load())
    for number in range(3):
        before = stored
        await backup(store.place, tmp_path / f"backup{number}.db")
        with closing(sqlite3.connect(tmp_path / f"backup{number}.db")) as copy:
            (hits,) = copy.execute("SELECT count(*) FROM hit").fetchone()
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert before <= hits <= stored + 1
    stopping.set()
    await loading
    assert (tmp_path / "backup0.db").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        await backup(store.place, tmp_path / "backup0.db")


async def test_a_sound_ledger_has_no_faults_and_a_damaged_one_does(store: Store) -> None:
    assert await check(store.place) == []
    path = store.place.path
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("INSERT INTO tag VALUES ('loose', 999)")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else a new reader finds every page in the log
    assert any("tag" in fault for fault in await check(store.place))
    path.write_bytes(b"x" * 5000)
    with pytest.raises(LedgerUnavailable):
        await check(store.place)


async def test_upgrading_says_from_where_to_where(tmp_path: Path) -> None:
    place = parse_place("sqlite:///new.db", tmp_path)
    assert await upgrade_ledger(place) == (None, HEAD)
    assert await upgrade_ledger(place) == (HEAD, HEAD)


async def fill(store: Store) -> None:
    for number in range(30):
        record = a_record(subject=f"Offer {number}", tags=("t",))
        await store.register(record)
        await store.add_hits([a_hit(record.id, timedelta(hours=n), link=n % 3) for n in range(number % 5)])


async def copied(source: Store, target: Store) -> None:
    for table in ("message", "copy", "link", "tag", "hit", "hourly", "account"):
        amount = f"SELECT count(*) FROM {table}"
        assert await rows(target, amount) == await rows(source, amount), table
    sums = "SELECT sum(opens_confirmed), sum(clicks_confirmed), max(seq), min(submitted_at) FROM message"
    assert await rows(target, sums) == await rows(source, sums)
    async with target.read() as connection:
        assert len((await list_messages(connection, ADMINISTRATOR, MessageFilter(q="offer 17"))).items) == 1
    record = a_record(subject="After the move")
    await target.register(record)
    assert await target.add_hits([a_hit(record.id)]) == 1


async def test_a_ledger_moves_to_another_file(store: Store, tmp_path: Path) -> None:
    await fill(store)
    seen: dict[str, int] = {}
    place = parse_place("sqlite:///moved/other.db", tmp_path)
    await copy_ledger(store.place, place, lambda table, n: seen.update({table: seen.get(table, 0) + n}))
    assert seen["message"] == 30
    target = await Store.open(settings_for(tmp_path, ledger={"url": "sqlite:///moved/other.db"}))
    await copied(store, target)
    await target.close()
    with pytest.raises(LedgerUnavailable, match="already"):
        await copy_ledger(store.place, place)


async def test_a_ledger_moves_to_postgresql_and_back(store: Store, tmp_path: Path, postgres: PostgresServer) -> None:
    await fill(store)
    url = postgres.new_database()
    await copy_ledger(store.place, parse_place(url, tmp_path))
    target = await Store.open(settings_for(tmp_path, ledger={"url": url}))
    await copied(store, target)
    back = parse_place("sqlite:///back.db", tmp_path)
    await copy_ledger(target.place, back)
    returned = await Store.open(settings_for(tmp_path, ledger={"url": "sqlite:///back.db"}))
    assert await the_row(returned, "SELECT count(*) FROM message") == (31,)
    await returned.close()
    await target.close()


async def test_old_hits_go_while_counts_and_links_stay(store: Store) -> None:
    record = a_record(submitted_at=NOW - timedelta(days=500))
    await store.register(record)
    await store.add_hits([a_hit(record.id, timedelta(days=-n), link=n % 2) for n in (450, 401, 399, 1)])
    before = await rows(store, "SELECT opens_confirmed, clicks_confirmed, first_opened_at FROM message")
    hours = await rows(store, "SELECT * FROM hourly ORDER BY login, hour")
    assert await purge(store) == 2
    assert await the_row(store, "SELECT count(*) FROM hit") == (2,)
    assert await rows(store, "SELECT opens_confirmed, clicks_confirmed, first_opened_at FROM message") == before
    assert await rows(store, "SELECT * FROM hourly ORDER BY login, hour") == hours
    store.patience_seconds = 10
    assert await store.destination(record.id, 1) == "https://example.org/one"
    assert await purge(store, timedelta(hours=1)) == 2


async def test_where_mail_was_sent_from_is_forgotten_after_a_day(store: Store) -> None:
    await store.register(a_record(client_network="203.0.113.7", submitted_at=NOW - timedelta(hours=25)))
    await store.register(a_record(client_network="203.0.113.8", submitted_at=NOW - timedelta(hours=23)))
    await tidy(store)
    assert await rows(store, "SELECT client_network FROM message ORDER BY seq") == [("",), ("203.0.113.8",)]


async def test_a_message_whose_verdict_never_came_is_in_doubt_and_no_other(store: Store) -> None:
    old, fresh, apart, sent = (a_record(subject=name) for name in ("old", "fresh", "apart", "sent"))
    apart = replace(apart, copies=(CopyRecord(1, "ann@example.net"), CopyRecord(2, "bob@example.net")))
    long_ago = NOW - timedelta(hours=1)
    await store.register(replace(old, submitted_at=long_ago))
    await store.register(replace(fresh, submitted_at=store.clock() - timedelta(minutes=5)))
    await store.register(replace(apart, submitted_at=long_ago, individually=True))
    await store.register(replace(sent, submitted_at=long_ago))
    await store.settle(sent.id, State.SENT, "250 ok", long_ago)
    await tidy(store)
    assert dict(await rows(store, "SELECT subject, state FROM message")) == {
        "old": "in-doubt", "fresh": "queued", "apart": "queued", "sent": "sent"
    }  # fmt: skip
