"""E13: kill -9 at every single statement of an upgrade leaves the old ledger or the new one, with everything in it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ledger.migrations import HEAD
from ledger.store import Store
from tests.ledger.samples import NOW, settings_for

PROJECT = Path(__file__).parents[2]
# Forks before each upgrade, so that what takes long (importing Alembic) is done once. The child kills itself at the
# statement whose number it was given; the parent prints how many children died and goes on until one lives.
UPGRADE = """
import os, signal, sqlite3, sys
import alembic.command, alembic.config, alembic.script
from pathlib import Path
from sqlalchemy import create_engine
from config.settings import Settings
from ledger.engine import place_of, sqlite_writing_engine
from ledger.upgrade import upgrade

folder, old = Path(sys.argv[1]), Path(sys.argv[2])

def child(file, deadly):
    place = place_of(Settings.model_validate({"data_dir": file.parent, "ledger": {"url": f"sqlite:///{file}"}}))
    engine, seen = sqlite_writing_engine(place), 0
    def count(statement):
        nonlocal seen
        seen += 1
        if seen == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
    with engine.connect() as connection:
        connection.connection.driver_connection.set_trace_callback(count)
        with connection.begin():
            upgrade(connection)

deadly = 0
while True:
    deadly += 1
    file = folder / f"{deadly}.db"
    file.write_bytes(old.read_bytes())
    pid = os.fork()
    if not pid:
        try:
            child(file, deadly)
        finally:
            os._exit(0)
    if not os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
        break
print(deadly - 1)
"""


def old_ledger(file: Path, version: str) -> None:
    """As that version left it, with a message, its link, its tag and a hit."""
    made = f"""
from pathlib import Path
from config.settings import Settings
from ledger.engine import place_of, prepare_folder, sqlite_writing_engine
from ledger.upgrade import migrate
place = place_of(Settings.model_validate({{"data_dir": Path({str(file.parent)!r}), "ledger": {{"url": "sqlite:///{file}"}}}}))
prepare_folder(place.path)
with sqlite_writing_engine(place).connect() as connection:
    with connection.begin():
        migrate(connection, {version!r})
"""
    subprocess.run([sys.executable, "-c", made], check=True, cwd=PROJECT, timeout=120)
    at = round(NOW.timestamp() * 1000)
    with closing(sqlite3.connect(file)) as database:
        for table, given in (
            ("message", {"id": bytes(range(16)), "submitted_at": at, "subject": "kept", "opens_confirmed": 1}),
            ("copy", {"message_seq": 1, "number": 0, "address": "ann@example.net"}),
            ("link", {"message_seq": 1, "number": 1, "url": "https://example.org/"}),
            ("tag", {"word": "offer", "message_seq": 1}),
            ("hit", {"id": "1" * 26, "at": at, "kind": "open", "message_seq": 1, "class": "human", "rule": "R22",
                     "confidence": "probable", "method": "GET", "counted": 1}),
        ):  # fmt: skip
            insert(database, table, given)
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def insert(database: sqlite3.Connection, table: str, given: dict[str, object]) -> None:
    """A row with what is given, and something of the right kind in every other column that must have a value."""
    values: dict[str, object] = dict(given)
    for _, name, kind, required, default, key in database.execute(f"PRAGMA table_info({table})"):
        if name not in values and required and default is None and not (key and kind == "INTEGER"):
            values[name] = "[]" if kind == "JSON" else "sent" if name == "state" else 1 if "INT" in kind else ""
    names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" * len(values))
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def content(file: Path) -> list[object]:
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [
            database.execute(f"SELECT {columns} FROM {table}").fetchall()
            for table, columns in (
                ("message", "id, subject, submitted_at, opens_confirmed"), ("copy", "number, address"),
                ("link", "number, url"), ("tag", "word"), ("hit", "id, at, kind, class, rule"),
            )
        ]  # fmt: skip


@pytest.mark.parametrize("version", ["0001", "0003", "0004", "0005"])
async def test_a_kill_at_any_statement_leaves_the_old_ledger_or_the_new_one(tmp_path: Path, version: str) -> None:
    old, killed = tmp_path / "old.db", tmp_path / "killed"
    killed.mkdir()
    old_ledger(old, version)
    before = content(old)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", UPGRADE, str(killed), str(old)],
        check=True, cwd=PROJECT, timeout=250, capture_output=True, text=True,
    )  # fmt: skip
    deaths = int(done.stdout)
    assert deaths >= 8
    for number in range(1, deaths + 2):
        file = killed / f"{number}.db"
        with closing(sqlite3.connect(file)) as database:
            (found,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        assert found == (HEAD if number > deaths else version)
        assert content(file) == before
    # A later start finishes what each of them began; the first, the middle and the last stand for all.
    for number in (1, deaths // 2, deaths):
        file = killed / f"{number}.db"
        store = await Store.open(settings_for(tmp_path, ledger={"url": f"sqlite:///{file}"}))
        assert store.fault is None
        await store.close()
        with closing(sqlite3.connect(file)) as database:
            assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
        assert content(file) == before
