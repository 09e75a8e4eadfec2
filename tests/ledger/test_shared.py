"""Several processes of one installation: one writes, the others hand over, and one takes the place of one that goes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from config.settings import Settings
from ledger import accounts
from ledger.faults import LedgerInUse, LedgerUnavailable
from ledger.queries.accounts import account_named
from ledger.records import State
from ledger.shared import SharedLedger, open_ledger
from tests.ledger.samples import NOW, SCANNER, a_hit, a_record, settings_for, the_row


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


async def two(settings: Settings) -> tuple[SharedLedger, SharedLedger]:
    ledgers = await open_ledger(settings), await open_ledger(settings)
    assert [ledger.writes_itself for ledger in ledgers] == [True, False]
    return ledgers


async def test_what_one_hands_over_both_see(settings: Settings) -> None:
    first, second = await two(settings)
    heard = first.subscribe(), second.subscribe()
    record = a_record()
    await second.register(record)
    assert await second.settle(record.id, State.SENT, "250 ok", NOW)
    hit = a_hit(record.id)
    assert await second.add_hits([hit]) == 1
    assert await second.add_hits([hit], again=True) == 0
    await second.set_repeats([(hit.id, 3)])
    assert await second.change_verdicts([(hit.id, SCANNER)]) == 1
    for ledger in (first, second):
        assert await the_row(ledger, "SELECT opens_machine, state FROM message") == (1, "sent")
        assert await the_row(ledger, "SELECT repeats FROM hit") == (3,)
    for events in heard:
        assert [(await anext(events)).what for _ in range(4)] == ["message", "message", "hit", "verdict"]
    await second.close()
    await first.close()


async def test_a_stop_in_one_reaches_what_the_others_remember(settings: Settings) -> None:
    first, second = await two(settings)
    second.patience_seconds = 10
    record = a_record()
    await first.register(record)
    assert (await second.recording(record.id)).may_record(NOW)
    events = second.subscribe()
    await first.stop(record.id, NOW)
    await anext(events)
    assert not (await second.recording(record.id)).may_record(NOW)
    await second.close()
    await first.close()


async def test_marked_changes_go_over_and_no_others(settings: Settings) -> None:
    first, second = await two(settings)
    made = await second.write(accounts.add_account, "ann", "hash", True, ("Ann@example.com",), NOW)
    assert made == 1
    async with first.read() as connection:
        account = await account_named(connection, "ann")
    assert account is not None
    assert account.addresses == ("ann@example.com",)
    with pytest.raises(ValueError, match="not marked"):
        await second.write(lambda connection: None)
    record = a_record()
    await second.register(record)
    with pytest.raises(LedgerUnavailable, match="IntegrityError"):
        await second.register(record)
    await second.close()
    await first.close()


async def test_when_the_writing_process_goes_another_takes_its_place(settings: Settings) -> None:
    first, second = await two(settings)
    third = await open_ledger(settings)
    record = a_record()
    await third.register(record)
    await first.close()
    async with asyncio.timeout(10):
        while second.fault is not None or third.fault is not None:
            await asyncio.sleep(0.02)
    assert second.writes_itself != third.writes_itself
    for ledger in (second, third):
        assert await ledger.add_hits([a_hit(record.id)]) == 1
    await third.close()
    await second.close()


async def test_while_nobody_writes_changes_are_refused_at_once(settings: Settings) -> None:
    first, second = await two(settings)
    await second.set_repeats([])  # joined for certain
    server = first._server  # the lock stays with the first, as with a process that hangs
    assert server is not None
    await server.close()
    async with asyncio.timeout(5):
        while second.fault is None:
            await asyncio.sleep(0.01)
    with pytest.raises(LedgerUnavailable):
        await second.register(a_record())
    await second.close()
    await first.close()


async def test_a_second_installation_in_the_same_folder_is_refused(settings: Settings) -> None:
    first = await open_ledger(settings, exclusive=True)
    with pytest.raises(LedgerInUse):
        await open_ledger(settings, exclusive=True)
    await first.close()
    again = await open_ledger(settings, exclusive=True)
    await again.close()


async def test_a_long_path_needs_no_short_socket(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / ("long" * 30))
    first, second = await two(settings)
    await second.register(a_record())
    await second.close()
    await first.close()


async def test_garbage_on_the_socket_harms_nobody_else(settings: Settings) -> None:
    first, second = await two(settings)
    for raw in (b"\xff" * 100, b"\0\0\0\4null", b'\0\0\0\x0d[1,2,[],"x"]'):
        _, writer = await asyncio.open_unix_connection(first._path)
        writer.write(raw)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    await second.register(a_record())
    assert first._path.stat().st_mode & 0o777 == 0o600
    await second.close()
    await first.close()


def test_who_asks_and_goes_is_served_all_the_same_and_no_fault(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the loop that installations run on, where writing to somebody who has gone is an error of its own kind."""
    uvloop = pytest.importorskip("uvloop")
    monkeypatch.setattr("ledger.writer.GROUP_LIMIT", 1)  # one answer after the other: only the first finds an open end
    record = a_record()

    async def ask_and_go() -> None:
        first = await open_ledger(settings)
        with closing(sqlite3.connect(settings.data_dir / "mailglass.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # so that the answer comes when nobody is there any more
            second = await open_ledger(settings)
            asking = [asyncio.create_task(second.settle(record.id, State.SENT, "250 ok", NOW)) for _ in range(5)]
            async with asyncio.timeout(10):
                while first.fault is None:
                    await asyncio.sleep(0.01)
            await second.close()
            assert {type(one) for one in await asyncio.gather(*asking, return_exceptions=True)} == {LedgerUnavailable}
            other.execute("ROLLBACK")
        await first.register(record)
        await first.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask_and_go())
    assert "a change from another process failed" not in caplog.text


async def test_nothing_is_handed_over_where_others_could_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    settings = settings_for(tmp_path / ("long" * 30))
    place = tmp_path / f"mailglass-{os.getuid()}"
    place.mkdir()
    place.chmod(0o777)
    first = await open_ledger(settings)
    assert list(place.iterdir()) == []
    await first.register(a_record())
    await first.close()
