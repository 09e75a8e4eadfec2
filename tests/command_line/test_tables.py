"""How a table fits into a terminal: what gets shorter, what goes, and that nothing goes where there is room."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from mailglass.commands.listing import _MESSAGE_COLUMNS as MESSAGES
from mailglass.commands.listing import _SPARE_OF_MESSAGES as SPARE
from mailglass.commands.listing import _TEXTS as TEXTS
from mailglass.commands.tables import _width, counted, fitted

AT = datetime(datetime.now(UTC).year, 3, 4, 10, 3, 12, tzinfo=UTC)
ROW = {
    "id": "01M8000000000000000000000A",
    "submitted_at": AT,
    "sender": "somebody.with.a.long.name@example.com",
    "recipients": ["another.with.a.long.name@example.net", "x@example.net"],
    "subject": "請求書の送付について、それから何か長いもの",
    "opened": AT,
    "clicked": AT,
    "state": "in-doubt",
    "reason": "several-recipients",
}


@pytest.mark.parametrize(
    ("limit", "gone"),
    [
        (None, []),
        (400, []),
        (150, []),
        (130, ["reason"]),
        (100, ["id", "sender", "reason"]),
        (80, ["id", "sender", "reason"]),
    ],
)
def test_a_narrow_terminal_keeps_when_to_whom_what_and_how_it_went(limit: int | None, gone: list[str]) -> None:
    shown, (cells,) = fitted([ROW], MESSAGES, limit, SPARE, TEXTS)
    assert [column for column in MESSAGES if column not in shown] == gone
    assert sum(map(_width, cells)) + 2 * (len(cells) - 1) <= (limit or 10_000)
    assert cells[shown.index("opened")].startswith(f"{AT.year}-" if limit in (None, 400) else "03-04 ")
    assert "in-doubt" in cells


def test_one_of_a_thing_is_not_several() -> None:
    assert [counted(number, "hit") for number in (0, 1, 2)] == ["0 hits", "1 hit", "2 hits"]
    assert counted(2, "copy", "copies") == "2 copies"


def test_a_time_of_another_year_says_which() -> None:
    shown, (cells,) = fitted([ROW | {"opened": AT.replace(year=2020)}], MESSAGES, 80, SPARE, TEXTS)
    assert cells[shown.index("opened")] == "2020-03-04"


def test_what_is_cut_says_so_and_ids_are_never_cut() -> None:
    shown, (cells,) = fitted([ROW], ("id", "subject"), 45, (), TEXTS)
    assert cells[shown.index("id")] == ROW["id"]
    assert cells[shown.index("subject")].endswith("…")


def test_a_real_terminal_is_told_what_there_is_no_room_for(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text("")
    environment = os.environ | {"COLUMNS": "80"}
    made = [sys.executable, "-m", "mailglass", "demo", "--config", str(tmp_path / "relay.toml")]
    assert b"stand below" not in subprocess.run(made, check=True, capture_output=True, env=environment).stdout
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mailglass", "messages", "--limit", "3", "--config", str(tmp_path / "relay.toml")]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=environment, check=True)
    os.close(theirs)
    lines = os.read(ours, 100_000).decode().splitlines()
    os.close(ours)
    assert lines[0].split() == ["submitted", "at", "recipients", "subject", "opened", "clicked", "state"]
    assert len(lines) == 4
    assert max(map(_width, lines)) <= 80
    assert done.stderr.decode() == "No room for: id, sender, reason. A wider terminal shows them, and so does --json.\n"


def test_a_narrow_terminal_cuts_nothing_of_what_is_broken(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text('[tracking]\npublic_url = "http://127.0.0.1:1"\n')
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mailglass", "check", "--online", "--config", str(tmp_path / "relay.toml")]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=os.environ | {"COLUMNS": "40"})
    os.close(theirs)
    told = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 1
    assert "http://127.0.0.1:1 cannot be reached: Cannot connect to host 127.0.0.1:1" in told
    assert "…" not in told


def read_to_end(terminal: int, told: bytearray) -> None:
    with suppress(OSError):  # EIO: nobody is at the other end any more
        while raw := os.read(terminal, 4096):
            told += raw


@pytest.mark.parametrize("words", [("export", "--out", "hits.csv"), ("ledger", "copy", "sqlite:///copy.db")])
def test_what_takes_long_shows_on_a_terminal_how_far_it_is(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "relay.toml").write_text("")
    program = [sys.executable, "-m", "mailglass"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    subprocess.run([*program, "demo"], check=True, capture_output=True, cwd=tmp_path, env=environment)
    ours, theirs = pty.openpty()
    told = bytearray()
    reader = Thread(target=read_to_end, args=(ours, told))
    reader.start()
    done = subprocess.run(
        [*program, *words], stdout=subprocess.PIPE, stderr=theirs, check=True, cwd=tmp_path, env=environment
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    assert b"100%" in told
    assert "%" not in done.stdout.decode()
    quiet = subprocess.run([*program, "export"], check=True, capture_output=True, cwd=tmp_path, env=environment)
    assert quiet.stderr == b""
