"""The database that the migrations make is the one that the schema declares; a killed migration leaves the old one."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from config.settings import Settings
from ledger import consent_schema
from ledger import upgrade as upgrading
from ledger.chain import START, chained
from ledger.engine import place_of, prepare_folder, sqlite_writing_engine
from ledger.faults import SchemaTooNew
from ledger.migrations import HEAD
from ledger.queries.consents import verify
from ledger.records import CopyRecord
from ledger.schema import metadata
from ledger.store import Store
from ledger.transactions import Transactions, transactions_for
from ledger.upgrade import create, migrate, upgrade, version_of
from tests.ledger.samples import a_record, settings_for


@pytest.fixture
async def transactions(settings: Settings) -> Any:
    opened = transactions_for(place_of(settings))
    yield opened
    await opened.close()


@pytest.mark.parametrize("way", [create, migrate], ids=["made anew", "migrated from nothing"])
async def test_a_new_database_has_the_declared_shape(settings: Settings, way: Callable[[Connection], None]) -> None:
    assert consent_schema.metadata is metadata

    def differences(connection: Connection) -> list[Any]:
        with connection.begin():
            way(connection)
        context = MigrationContext.configure(
            connection, opts={"include_object": is_declared, "compare_type": False, "compare_server_default": False}
        )
        return list(compare_metadata(context, metadata))

    assert await on_an_empty_database(settings, differences) == []


@pytest.mark.parametrize("way", [create, migrate], ids=["made anew", "migrated from nothing"])
async def test_indexes_of_the_few_hold_only_the_few(settings: Settings, way: Callable[[Connection], None]) -> None:
    def partial(connection: Connection) -> list[str]:
        with connection.begin():
            way(connection)
        listed = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'",
            "postgresql": "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '% WHERE %'",
        }
        return sorted(connection.scalars(text(listed[connection.dialect.name])))

    assert await on_an_empty_database(settings, partial) == [
        "ix_hit_class_seq", "ix_message_clicked", "ix_message_opened", "ix_message_reminder", "ix_notice_waiting",
    ]  # fmt: skip


async def test_both_ways_to_a_new_database_write_the_same_tables(tmp_path: Path) -> None:
    shapes = []
    for way in (create, migrate):

        def shape(connection: Connection, way: Callable[[Connection], None] = way) -> object:
            with connection.begin():
                way(connection)
            rows = connection.execute(text("SELECT type, name, sql FROM sqlite_master ORDER BY type, name"))
            return [(kind, name, sorted(re.findall(r"[\w']+", sql or ""))) for kind, name, sql in rows]

        shapes.append(await on_an_empty_database(settings_for(tmp_path / way.__name__), shape))
    assert shapes[0] == shapes[1]


async def on_an_empty_database(settings: Settings, work: Callable[[Connection], Any]) -> Any:
    """Runs work on a connection to a database that nobody has opened as a ledger."""
    place = place_of(settings)
    if place.path is None:
        engine = create_async_engine(place.url)
        async with engine.connect() as connection:
            found = await connection.run_sync(work)
        await engine.dispose()
        return found
    prepare_folder(place.path)
    engine = sqlite_writing_engine(place)
    with engine.connect() as connection:
        found = work(connection)
    engine.dispose()
    return found


def is_declared(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    # The index of words is each database's own (see its migration).
    return not (name or "").startswith(("message_words", "ix_message_words"))


def test_the_version_that_is_written_is_that_of_the_newest_migration() -> None:
    """Or a ledger that was migrated is taken for a later one's at the next start, and an old one for a new one."""
    revisions = [path.name[1:5] for path in (Path(upgrading.__file__).parent / "migrations/versions").glob("v0*.py")]
    assert max(revisions) == HEAD


@pytest.mark.parametrize("has_columns", [False, True], ids=["of the fourth version", "that had them before it said so"])
async def test_a_ledger_gets_the_columns_of_the_fifth_version(tmp_path: Path, has_columns: bool) -> None:
    settings = settings_for(tmp_path)

    def fourth(connection: Connection) -> None:
        with connection.begin():
            if has_columns:
                create(connection)
                connection.execute(text("UPDATE alembic_version SET version_num = '0004'"))
            else:
                migrate(connection, "0004")

    await on_an_empty_database(settings, fourth)
    for _ in range(2):  # a second start finds nothing to do
        store = await Store.open(settings)
        assert store.fault is None
        record = a_record(copies=(CopyRecord(1, "ann@example.net", tracks_opens=False),), individually=True)
        await store.register(record)
        await store.close()
    transactions = transactions_for(place_of(settings))
    assert await transactions.run(version_of) == HEAD
    await transactions.close()


WRITTEN_OFTEN = {"message": "state", "copy": "state", "link": "reason", "hit": "class", "daily": "class"}


@pytest.mark.parametrize("way", [create, migrate], ids=["made anew", "migrated from nothing"])
async def test_a_word_is_checked_without_making_a_table_of_all_words(
    tmp_path: Path, way: Callable[[Connection], None]
) -> None:
    def steps(connection: Connection) -> list[str]:
        with connection.begin():
            way(connection)
        statements = (f"EXPLAIN INSERT INTO {table} DEFAULT VALUES" for table in WRITTEN_OFTEN)
        return [row.opcode for statement in statements for row in connection.execute(text(statement))]

    assert "OpenEphemeral" not in await on_an_empty_database(settings_for(tmp_path), steps)


@pytest.mark.parametrize("forbidden", [False, True], ids=["changed where it stands", "in a library that forbids it"])
async def test_a_migrated_ledger_refuses_the_words_that_it_refused(tmp_path: Path, forbidden: bool) -> None:
    def refused(connection: Connection) -> list[str]:
        with connection.begin():
            migrate(connection, "0005")
        if forbidden:
            connection.connection.driver_connection.set_authorizer(_deny_changes_of_the_schema)  # type: ignore[union-attr]
        with connection.begin():
            upgrade(connection)
        connection.connection.driver_connection.set_authorizer(None)  # type: ignore[union-attr]
        assert version_of(connection) == HEAD
        connection.rollback()
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        connection.rollback()
        return [table for table, column in WRITTEN_OFTEN.items() if _refuses(connection, table, column)]

    assert await on_an_empty_database(settings_for(tmp_path), refused) == list(WRITTEN_OFTEN)


def _deny_changes_of_the_schema(action: int, table: str | None, *_more: object) -> int:
    # What a library built with SQLITE_DBCONFIG_DEFENSIVE does.
    changes = action == sqlite3.SQLITE_UPDATE and table in ("sqlite_master", "sqlite_schema")
    return sqlite3.SQLITE_DENY if changes else sqlite3.SQLITE_OK


def _refuses(connection: Connection, table: str, column: str) -> bool:
    """Whether a row with another word than the schema's is refused for that word, and one with its word is taken."""
    columns = {one.name: one for one in metadata.tables[table].columns if not one.nullable or one.name == column}
    usual: dict[str, Any] = {"kind": "open", "class": "human", "confidence": "certain", "state": "sent"}
    given = {name: usual.get(name, 1) for name in columns}
    names, marks = ", ".join(f'"{name}"' for name in given), ", ".join("?" * len(given))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("PRAGMA foreign_keys = OFF")
    with pytest.raises(sqlite3.IntegrityError, match=f"ck_{table}_{column}"):
        raw.execute(statement, tuple((given | {column: "nonsense"}).values()))
    raw.execute(statement, tuple((given | {column: usual.get(column)}).values()))
    return True


async def test_upgrading_twice_changes_nothing(transactions: Transactions) -> None:
    await transactions.run(upgrade)
    assert await transactions.run(upgrade) is False
    assert await transactions.run(version_of) == HEAD


async def test_a_ledger_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    store = await Store.open(settings)
    await store.close()
    transactions = transactions_for(place_of(settings))
    await transactions.run(
        lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    )
    await transactions.close()
    with pytest.raises(SchemaTooNew, match="9999"):
        await Store.open(settings)


async def test_a_migration_that_breaks_off_leaves_nothing_of_itself(tmp_path: Path) -> None:
    """The whole upgrade is one transaction: what a kill interrupts is as if it had not begun."""
    place = place_of(settings_for(tmp_path))
    transactions = transactions_for(place)
    # Opening creates the schema; a fresh file shows what a broken-off one leaves.
    await transactions.run(lambda _: None)

    def drop_half_then_break(connection: Connection) -> None:
        connection.execute(text("DROP TABLE tag"))
        connection.execute(text("ALTER TABLE link ADD COLUMN half TEXT"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transactions.run(drop_half_then_break)
    tables = await transactions.run(lambda connection: inspect(connection).get_table_names())
    columns = await transactions.run(lambda connection: inspect(connection).get_columns("link"))
    await transactions.close()
    assert "tag" in tables
    assert "half" not in [column["name"] for column in columns]


@pytest.mark.parametrize("tampered", [False, True], ids=["whole", "changed before"])
async def test_consents_of_the_third_version_are_chained_anew_and_a_broken_list_stays_broken(
    tmp_path: Path, tampered: bool
) -> None:
    settings = settings_for(tmp_path)
    await on_an_empty_database(settings, lambda connection: third_version(connection, tampered))
    store = await Store.open(settings)
    async with store.read() as connection:
        found = await verify(connection)
    await store.close()
    assert found["consent_event"].first_broken_row == (2 if tampered else None)
    assert found["consent_event"].end.row == 3


def third_version(connection: Connection, tampered: bool) -> None:
    """A ledger as version 0003 wrote it, with three consents."""
    with connection.begin():
        migrate(connection, "0003")
        previous = START
        for at in (1000, 2000, 3000):
            values: dict[str, Any] = {"person_key": b"p" * 32, "at": at, "action": "import", "purpose": "opens"}
            details = {"sender": "", "method": "command", "language": "", "text_version": "", "actor": "me"}
            evidence = {"reference": "form 7"}
            hashed = values | {"person_key": values["person_key"].hex()} | details | {"evidence": evidence}
            own = chained(previous, hashed)
            row = values | details | {"evidence": json.dumps(evidence), "previous": previous, "own": own}
            connection.execute(
                text(
                    "INSERT INTO consent_event (person_key, at, action, purpose, sender, method, language, "
                    "text_version, evidence, actor, previous_hash, hash) VALUES (:person_key, :at, :action, :purpose, "
                    ":sender, :method, :language, :text_version, :evidence, :actor, :previous, :own)"
                ),
                row,
            )
            previous = own
        if tampered:
            connection.execute(text("UPDATE consent_event SET purpose = 'links' WHERE seq = 2"))
