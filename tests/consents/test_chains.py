"""The lists of consents and of what was done: whatever somebody does to a row shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from config.settings import Settings
from ledger.anchors import Anchor, AnchorFault, read_anchors, write_anchors
from ledger.changes import change
from ledger.consent_events import ConsentPurpose
from ledger.consent_schema import consent_event
from ledger.consent_writing import DETAILS, redact
from ledger.consents import Consents
from ledger.queries.consents import ends, verify
from ledger.retention import keep_anchors
from ledger.store import Store

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
COLUMNS = ", ".join(column.name for column in consent_event.columns if column.name != "seq")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(Settings(data_dir=tmp_path), clock=lambda: NOW)
    people = Consents(opened, b"s" * 32, True, timedelta(days=730))
    for name in ("ann@example.com", "bob@example.net", "carl@example.org"):
        await people.add(name, list(ConsentPurpose), "form 7", actor="test")
    yield opened
    await opened.close()


async def broken(store: Store) -> tuple[int | None, int | None]:
    async with store.read() as connection:
        found = await verify(connection)
    return found["consent_event"].first_broken_row, found["audit"].first_broken_row


@change
def falsify(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(text(statement))


async def test_the_lists_are_whole_as_they_were_written(store: Store) -> None:
    assert await broken(store) == (None, None)


@pytest.mark.parametrize(
    ("statements", "row", "what"),
    [
        (["UPDATE consent_event SET actor = 'x' WHERE seq = 4"], 4, "a detail"),
        (["UPDATE consent_event SET purpose = NULL WHERE seq = 4"], 4, "a purpose"),
        (["UPDATE consent_event SET at = at + 1 WHERE seq = 4"], 4, "a time"),
        (["UPDATE consent_event SET details_hash = x'00' WHERE seq = 4"], 4, "the hash of the details"),
        (["UPDATE consent_event SET evidence = '{}', redacted_at = 1, action = 'ask' WHERE seq = 4"], 4, "the status"),
        (["UPDATE consent_event SET salt = NULL WHERE seq = 4"], 4, "details that are gone without a word"),
        (["DELETE FROM consent_event WHERE seq = 1"], 2, "the first row is gone"),
        (["DELETE FROM consent_event WHERE seq = 3"], 4, "a row in the middle is gone"),
        (
            [
                "UPDATE consent_event SET seq = 103 WHERE seq = 3",
                "UPDATE consent_event SET seq = 3 WHERE seq = 4",
                "UPDATE consent_event SET seq = 4 WHERE seq = 103",
            ],
            3,
            "two rows changed places",
        ),
        (
            [f"INSERT INTO consent_event (seq, {COLUMNS}) SELECT 7, {COLUMNS} FROM consent_event WHERE seq = 6"],
            7,
            "a row was written twice",
        ),
    ],
)
async def test_a_change_of_a_row_shows(store: Store, statements: list[str], row: int, what: str) -> None:
    await store.write(falsify, *statements)
    assert await broken(store) == (row, None), what


def test_every_column_is_in_the_hash_or_need_not_be() -> None:
    free = {"seq", "previous_hash", "hash", "salt", "redacted_at"}
    assert set(COLUMNS.split(", ")) - free == {"person_key", "at", "action", "purpose", *DETAILS, "details_hash"}


async def test_the_log_of_deeds_is_chained_too(store: Store) -> None:
    await store.write(falsify, "UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    assert await broken(store) == (None, 2)


async def test_details_can_go_and_the_chain_stays_whole(store: Store) -> None:
    await store.write(change(redact), [2, 3], NOW)
    async with store.read() as connection:
        found = (await verify(connection))["consent_event"]
        rows = (await connection.execute(select(consent_event).where(consent_event.c.seq.in_([2, 3])))).all()
    assert (found.is_whole, found.redacted) == (True, 2)
    assert [(row.evidence, row.actor, row.salt) for row in rows] == [({}, "", None)] * 2
    assert [row.action for row in rows] == ["import", "import"], "the status stays"


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        ("DELETE FROM consent_event WHERE seq >= 5", 6),
        ("DELETE FROM consent_event", 6),
    ],
    ids=["the end was cut off", "all of it"],
)
async def test_a_list_that_was_cut_off_shows_against_an_anchor(
    store: Store, tmp_path: Path, statement: str, lost: int
) -> None:
    async with store.read() as connection:
        kept = await ends(connection)
    await store.write(falsify, statement)
    async with store.read() as connection:
        assert (await verify(connection))["consent_event"].first_broken_row is None, "the chain alone cannot tell"
        found = await verify(connection, [kept])
    assert (found["consent_event"].lost_row, found["audit"].lost_row) == (lost, None)


async def test_a_list_that_was_written_anew_shows_against_an_anchor(store: Store) -> None:
    async with store.read() as connection:
        kept = await ends(connection)
    await store.write(falsify, "DELETE FROM consent_event")
    people = Consents(store, b"s" * 32, True, timedelta(days=730))
    for _ in range(3):
        await people.add("ann@example.com", list(ConsentPurpose), "another form", actor="test")
    async with store.read() as connection:
        found = (await verify(connection, [kept]))["consent_event"]
    assert (found.end.row, found.first_broken_row, found.lost_row) == (6, None, 6)


async def test_the_ledger_keeps_an_anchor_and_never_writes_over_one_that_no_longer_holds(
    store: Store, tmp_path: Path
) -> None:
    assert await keep_anchors(store)
    first = read_anchors(tmp_path / "chains.json")
    assert first["consent_event"].row == 6
    await store.write(falsify, "DELETE FROM consent_event WHERE seq >= 5")
    assert not await keep_anchors(store)
    assert read_anchors(tmp_path / "chains.json") == first


def test_a_file_of_anchors_is_private_and_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "chains.json"
    assert read_anchors(path) == {}
    write_anchors(path, {"audit": Anchor(3, "ab")})
    assert read_anchors(path) == {"audit": Anchor(3, "ab")}
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text('[{"rows": 3}]')
    with pytest.raises(AnchorFault):
        read_anchors(path)
