"""``mailglass spool``: looking at what waits, and deciding about it, with and without a running relay."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailglass.app import main
from relay.spool import Spool
from relay.spool_requests import Request, Wish, ask, take_requests
from relay.spool_start import load_spool
from relay.spool_states import CopyState, Event, EventKind
from relay.spooled_message import read_message
from tests.spool.messages import AT, ID, put
from tests.spool.scripted_upstream import accepts, at_dot, scripted_upstream
from tests.spool.workbench import workbench

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mailglass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    (tmp_path / "relay.toml").write_text("")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mailglass", "spool", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """The spool's folder with a message of which one copy was delivered, one waits and one is held."""
    folder = tmp_path / "var" / "spool"
    spool = put(folder)
    later = datetime.now(UTC) + timedelta(hours=1)
    spool.record(
        spool.messages[str(ID)],
        Event(EventKind.OURS, AT),
        Event(EventKind.DELIVERED, AT, 1, "250 Ok"),
        Event(EventKind.DEFERRED, AT, 2, "451 4.3.0 later", later),
        Event(EventKind.IN_DOUBT, AT, 3, "outcome unknown"),
    )
    spool.close()
    return folder


def states(folder: Path) -> list[CopyState]:
    standing = read_message(folder / f"{ID}.mail").standing
    return [copy.state for _, copy in sorted(standing.copies.items())]


def test_an_empty_spool_is_an_empty_list(mailglass: Command) -> None:
    status, out, _ = mailglass("list", "--json")
    assert (status, json.loads(out)) == (0, [])


def test_list_says_what_waits(mailglass: Command, waiting: Path) -> None:
    _, out, _ = mailglass("list", "--json")
    (row,) = json.loads(out)
    assert (row["message"], row["copies"], row["waiting"], row["state"]) == (str(ID), 3, 2, "queued")
    assert row["sender"] == "ann@example.org"
    status, table, _ = mailglass("list")
    assert status == 0
    assert str(ID) in table


def test_list_names_what_was_set_aside(mailglass: Command, waiting: Path) -> None:
    (waiting / "quarantine").mkdir()
    (waiting / "quarantine" / "stray").write_text("x")
    assert "stray" in mailglass("list")[1]


def test_show_gives_each_copy(mailglass: Command, waiting: Path) -> None:
    _, out, _ = mailglass("show", str(ID), "--json")
    copies = json.loads(out)["copies"]
    assert [(copy["n"], copy["address"], copy["state"]) for copy in copies] == [
        (1, "r1@example.net", "delivered"),
        (2, "r2@example.net", "waiting"),
        (3, "r3@example.net", "in-doubt"),
    ]
    assert "451 4.3.0 later" in mailglass("show", str(ID))[1]


def test_what_a_server_replied_is_shown_whole_and_cannot_speak_to_the_terminal(
    mailglass: Command, waiting: Path
) -> None:
    spool = Spool(waiting)
    load_spool(spool, hold_doubtful=False)
    at = datetime.now(UTC)
    said = "451 4.3.0 " + "word " * 30 + "\x1b[31mred"
    spool.record(spool.messages[str(ID)], Event(EventKind.DEFERRED, at, 2, said, at + timedelta(hours=1)))
    spool.close()
    shown = mailglass("show", str(ID))[1]
    assert "\x1b" not in shown
    assert "word " * 30 + " [31mred" in shown
    assert f"{(at + timedelta(hours=1)).astimezone():%Y-%m-%d %H:%M:%S}" in shown


@pytest.mark.parametrize(("text", "expected"), [("nonsense", 2), ("01ARZ3NDEKTSV4RRFFQ69G5FAV", 1)])
def test_an_unknown_message_is_one_plain_line(mailglass: Command, waiting: Path, text: str, expected: int) -> None:
    status, _, err = mailglass("show", text)
    assert status == expected
    assert text in err
    assert "Traceback" not in err


def test_drop_without_a_relay_is_done_at_once(mailglass: Command, waiting: Path) -> None:
    assert mailglass("drop", str(ID), "--copy", "2")[0] == 0
    assert states(waiting) == [CopyState.DELIVERED, CopyState.DROPPED, CopyState.IN_DOUBT]


def test_retry_releases_waiting_and_held_copies(mailglass: Command, waiting: Path) -> None:
    status, out, _ = mailglass("retry", str(ID))
    assert (status, out) == (0, "They are tried as soon as the relay runs.\n")
    assert states(waiting) == [CopyState.DELIVERED, CopyState.WAITING, CopyState.WAITING]
    assert read_message(waiting / f"{ID}.mail").standing.due(AT) == [2, 3]


def test_a_copy_that_is_not_there_is_said(mailglass: Command, waiting: Path) -> None:
    status, _, err = mailglass("drop", str(ID), "--copy", "9")
    assert (status, "has no copy 9" in err) == (1, True)


def test_a_running_relay_is_asked(mailglass: Command, tmp_path: Path) -> None:
    async def scene() -> list[str]:
        async with scripted_upstream() as upstream:
            bench = workbench(tmp_path / "var" / "spool", upstream)
            upstream.script["r2@example.net"] = [at_dot("451 4.3.0 later"), accepts()]
            async with bench.client_session() as session:
                await bench.submit(session)
            task = asyncio.create_task(bench.runner.run())
            status, out, err = await asyncio.to_thread(mailglass, "retry", str(ID))
            assert (status, out, err) == (0, "The relay tries them now.\n", "")
            await upstream.wait_for(3)
            task.cancel()
            await asyncio.wait([task])
            bench.spool.close()
            return upstream.addresses()

    assert sorted(asyncio.run(scene())) == ["r1@example.net", "r2@example.net", "r3@example.net"]


def test_a_relay_may_take_a_request_the_moment_it_is_there(waiting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_open, taken = os.open, []

    def open_and_take(*arguments: object) -> int:
        handle = really_open(*arguments)  # type: ignore[arg-type]
        taken.extend(take_requests(waiting))
        return handle

    monkeypatch.setattr(os, "open", open_and_take)
    wanted = Request(Wish.RETRY, ID)
    assert not ask(waiting, wanted).exists()
    assert taken == [wanted]


def test_a_spool_in_use_is_not_opened_a_second_time(waiting: Path) -> None:
    holder = Spool(waiting)
    try:
        with pytest.raises(BlockingIOError):
            Spool(waiting)
    finally:
        holder.close()
