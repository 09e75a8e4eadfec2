"""Commands that only read leave the folder of an installation as it was, also before its first start."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from ledger.keys import load_keys
from ledger.message_id import MessageId
from ledger.migrations import HEAD
from ledger.upgrade import migrate
from ledger.urls import TrackingUrls, UrlGrammar
from mailglass.app import app
from mailglass.failures import Failed

MAIL = """From: me@example.com
To: ann@example.net
Subject: Offer
X-Track: all
Content-Type: text/html

<p><a href="https://example.org/">Look</a></p>
"""
READING = [
    "check",
    "messages",
    "hits",
    "export",
    "consent list",
    "consent verify",
    "user list",
    "token list",
    "keys list",
    "spool list",
    "explain mail.eml",
    "restore mail.eml",
    "privacy-page",
    "ropa",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "relay.toml").write_text("")
    (tmp_path / "mail.eml").write_text(MAIL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", READING)
def test_who_only_reads_makes_nothing(folder: Path, words: str) -> None:
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in folder.iterdir()) == ["mail.eml", "relay.toml"]


def test_decoding_makes_no_key_and_says_that_nothing_verifies(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    elsewhere = load_keys(tmp_path_factory.mktemp("elsewhere") / "keys")
    urls = TrackingUrls(UrlGrammar("http://127.0.0.1:8025"), elsewhere, MessageId(b"m" * 16))
    result = CliRunner().invoke(app, ["decode", urls.pixel()])
    assert isinstance(result.exception, Failed)
    assert '"valid": false' in result.output
    assert sorted(path.name for path in folder.iterdir()) == ["mail.eml", "relay.toml"]


@pytest.mark.parametrize(
    ("version", "told"),
    [
        pytest.param("0003", f"schema 0003, and this mailglass reads {HEAD}: start it, or type", id="before"),
        pytest.param("9999", f"schema 9999, and this mailglass reads {HEAD}", id="after"),
    ],
)
def test_a_ledger_of_another_version_that_cannot_be_read_is_named(folder: Path, version: str, told: str) -> None:
    ledger = folder / "var" / "mailglass.db"
    ledger.parent.mkdir()
    engine = create_engine(f"sqlite:///{ledger}")
    with engine.begin() as connection:
        migrate(connection, "0003")
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    engine.dispose()
    result = CliRunner().invoke(app, ["messages"])
    assert isinstance(result.exception, Failed)
    assert told in str(result.exception)
