"""``identity = "aggregate"`` in a real installation with two workers: numbers a day, and nothing about who looked."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.installation import Installation
from tests.e2e.test_consent import newest, send, texts_of, visit

PEOPLE = [f"p{number}@example.net" for number in range(20)]


@pytest.fixture
def mailglass(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path / "site", workers=2)
    installation.settings = {"MAILGLASS_TRACKING__IDENTITY": "aggregate", "MAILGLASS_LOG__LEVEL": "debug"}
    return installation


def test_a_campaign_is_counted_and_a_letter_is_not_tracked(mailglass: Installation) -> None:
    mailglass.start()
    try:
        original = send(mailglass, "ann@example.com")
        assert newest(mailglass) == original, "of one recipient a count would be about them"
        original = send(mailglass, *PEOPLE[:19])
        assert newest(mailglass) == original, "nineteen are too few"
        send(mailglass, *PEOPLE, track="X-Track: all\r\nX-Track-Individually: yes\r\n")
        copies = [one for one in mailglass.deliveries() if len(one.recipients) == 20]
        assert len(copies) == 1, "one copy for all, whatever the header says"
        html = texts_of(mailglass.delivered(copies[0]))[1]
        pixel, link = (re.search(rf'"(https?://[^"]+/{kind}/[^"]+)"', html) for kind in "oc")
        assert pixel is not None
        assert link is not None
        before = time.time() * 1000
        for _ in range(6):
            visit(pixel[1])
            assert visit(link[1].replace("&amp;", "&")) == "https://example.com/offer"
        after = time.time() * 1000
    finally:
        assert mailglass.stop() == 0, mailglass.log
    with closing(sqlite3.connect(mailglass.folder / "var" / "mailglass.db")) as connection:
        assert connection.execute("SELECT count(*) FROM hit").fetchone() == (0,)
        kept = connection.execute("SELECT kind, day % 86400000, number FROM daily ORDER BY kind").fetchall()
        assert [kind for kind, _, _ in kept] == ["click", "open"]
        assert all(of_day == 0 and 1 <= number <= 2 for _, of_day, number in kept), "once a worker: they looked again"
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        values = [value for (table,) in tables for row in connection.execute(f"SELECT * FROM {table}") for value in row]
    assert [one for one in values if isinstance(one, int) and before <= one <= after] == []
    for path in (mailglass.folder / "var").rglob("*"):
        if path.is_file() and "outbox" not in path.parts:
            assert b"Firefox" not in path.read_bytes(), path
    assert "Firefox" not in mailglass.log
