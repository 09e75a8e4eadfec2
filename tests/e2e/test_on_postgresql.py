"""The whole program on PostgreSQL: nothing but ``[ledger] url`` differs, and what was kept in SQLite can move there."""

from __future__ import annotations

import json

import pytest

from tests.e2e.installation import Installation
from tests.ledger.postgres import PostgresServer

pytestmark = pytest.mark.clients


def subjects(mailglass: Installation) -> list[str]:
    listed = mailglass.command("messages", "--json")
    assert listed.returncode == 0, listed.stderr
    return [message["subject"] for message in json.loads(listed.stdout)]


def test_mail_is_tracked_and_read_about(mailglass: Installation, postgres: PostgresServer) -> None:
    mailglass.settings["MAILGLASS_LEDGER__URL"] = postgres.new_database()
    mailglass.start()
    probed = mailglass.command("doctor", "--to", "ann@example.com", "--json")
    assert probed.returncode == 0, probed.stdout + probed.stderr + mailglass.log
    assert subjects(mailglass) == ["A probe of mailglass doctor"]
    (hit,) = json.loads(mailglass.command("hits", "--json").stdout)
    assert hit["kind"] == "open"
    assert mailglass.command("ledger", "check").stdout == "The ledger is sound.\n"
    assert not (mailglass.folder / "var" / "mailglass.db").exists()
    assert mailglass.stop() == 0
    assert subjects(mailglass) == ["A probe of mailglass doctor"]


@pytest.mark.parametrize(
    "command", [("messages",), ("hits",), ("user", "list"), ("token", "list"), ("consent", "list")]
)
def test_an_empty_database_gives_empty_lists(
    mailglass: Installation, postgres: PostgresServer, command: tuple[str, ...]
) -> None:
    mailglass.settings["MAILGLASS_LEDGER__URL"] = postgres.new_database()
    shown = mailglass.command(*command, "--json")
    assert (shown.returncode, shown.stdout) == (0, "[]\n"), shown.stderr


def test_a_database_that_cannot_be_reached_is_told_without_its_password(mailglass: Installation) -> None:
    mailglass.settings["MAILGLASS_LEDGER__URL"] = "postgresql://ann:hunter2@127.0.0.1:1/ledger"
    target = f"sqlite:///{mailglass.folder}/copy.db"
    for command in (("messages",), ("ledger", "check"), ("user", "list"), ("check", "--online"), ("ledger", "copy")):
        shown = mailglass.command(*command, *([target] if "copy" in command else []))
        assert shown.returncode == 1, command
        assert "hunter2" not in shown.stdout + shown.stderr
        assert "Traceback" not in shown.stderr, shown.stderr
        assert "127.0.0.1:1: Connection refused" in shown.stdout + shown.stderr, command


def test_everything_moves_from_sqlite_under_load_and_goes_on_there(
    mailglass: Installation, postgres: PostgresServer
) -> None:
    mailglass.start()
    assert mailglass.command("send-test", "--to", "ann@example.com").returncode == 0
    known = subjects(mailglass)
    url = postgres.new_database()
    copied = mailglass.command("ledger", "copy", url)
    assert "rows copied" in copied.stdout, copied.stderr
    assert mailglass.command("ledger", "copy", url).returncode == 1
    mailglass.stop()
    mailglass.settings["MAILGLASS_LEDGER__URL"] = url
    mailglass.start()
    assert subjects(mailglass) == known
    probed = mailglass.command("doctor", "--to", "ann@example.com", "--json")
    assert probed.returncode == 0, probed.stdout + probed.stderr + mailglass.log
    assert subjects(mailglass) == ["A probe of mailglass doctor", *known]
