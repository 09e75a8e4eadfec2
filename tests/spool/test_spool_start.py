"""What a spool makes of its folder at start: damage is set aside, the rest is delivered."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.copy_delivery import IN_DOUBT_WORDS
from relay.patches import Patch
from relay.spool import Spool
from relay.spool_journal import parse_event
from relay.spool_records import CopyDetail, SpoolHeader, read_copy, read_header, write_copy, write_header
from relay.spool_start import Found, load_spool
from relay.spool_states import CopyState, Event, EventKind, after, initial_standing
from tests.spool.messages import AT, ID, PLAIN, copies, header, other_id, put, rendered

OURS = (Event(EventKind.OURS, AT), Event(EventKind.DELIVERED, AT, 1, "250 Ok"))


def reopened(folder: Path, hold_doubtful: bool = False) -> tuple[Spool, Found]:
    spool = Spool(folder)
    return spool, load_spool(spool, hold_doubtful)


def accepted_message(folder: Path) -> Path:
    """A message whose first copy was accepted, on disk, with nobody holding the spool."""
    spool = put(folder)
    message = spool.messages[str(ID)]
    spool.record(message, *OURS)
    spool.close()
    return message.path


def test_a_message_nobody_had_accepted_is_left_to_its_client(tmp_path: Path) -> None:
    put(tmp_path).close()
    spool, found = reopened(tmp_path)
    assert [message.header.id for message in found.unaccepted] == [ID]
    assert spool.messages == {}
    assert set(os.listdir(tmp_path)) == {"lock"}


def test_a_message_with_an_accepted_copy_waits_for_its_others(tmp_path: Path) -> None:
    accepted_message(tmp_path)
    spool, _ = reopened(tmp_path)
    assert spool.messages[str(ID)].standing.due(AT) == [2, 3]


@pytest.mark.parametrize(("hold", "state"), [(False, CopyState.WAITING), (True, CopyState.IN_DOUBT)])
def test_a_copy_that_was_under_way_is_sent_again_or_held_as_configured(
    tmp_path: Path, hold: bool, state: CopyState
) -> None:
    spool = put(tmp_path)
    message = spool.messages[str(ID)]
    spool.record(message, *OURS, Event(EventKind.UNDER_WAY, AT, 2))
    spool.close()
    again, _ = reopened(tmp_path, hold)
    standing = again.messages[str(ID)].standing.copies[2]
    assert standing.state is state
    assert (standing.reply == IN_DOUBT_WORDS) is hold  # by which its report says what is known


def test_every_truncation_of_a_message_file_is_set_aside_while_others_are_delivered(tmp_path: Path) -> None:
    whole = accepted_message(tmp_path / "model")
    raw = whole.read_bytes()
    journal = whole.with_suffix(".log").read_bytes()
    assert 1500 < len(raw) < 6000
    folder = tmp_path / "spool"
    folder.mkdir()
    good = other_id(0)
    spool = Spool(folder)
    spool.record(spool.write(header(good), PLAIN, copies(2), rendered), *OURS)
    for length in range(len(raw)):
        (folder / f"{ID}.mail").write_bytes(raw[:length])
        (folder / f"{ID}.log").write_bytes(journal)
        spool.messages.clear()
        found = load_spool(spool, hold_doubtful=False)
        assert found.set_aside == [f"{ID}.mail", f"{ID}.log"], length
        assert list(spool.messages) == [str(good)]
        for left in (folder / "quarantine").iterdir():
            left.unlink()


def test_every_flipped_octet_of_a_message_file_is_noticed(tmp_path: Path) -> None:
    path = accepted_message(tmp_path)
    raw = path.read_bytes()
    for place in range(0, len(raw), 17):
        damaged = bytearray(raw)
        damaged[place] ^= 0x20
        path.write_bytes(damaged)
        spool, found = reopened(tmp_path)
        spool.close()
        assert f"{ID}.mail" in found.set_aside, place
        os.rename(tmp_path / "quarantine" / f"{ID}.mail", path)
        os.rename(tmp_path / "quarantine" / f"{ID}.log", path.with_suffix(".log"))


def test_no_truncation_of_a_journal_loses_a_copy(tmp_path: Path) -> None:
    path = accepted_message(tmp_path)
    journal = path.with_suffix(".log")
    raw = journal.read_bytes()
    for length in range(len(raw)):
        journal.write_bytes(raw[:length])
        spool, found = reopened(tmp_path)
        spool.close()
        if found.waiting:
            assert {2, 3} <= set(found.waiting[0].standing.due(AT))
        elif found.set_aside:
            for name in found.set_aside:
                os.rename(tmp_path / "quarantine" / name, tmp_path / name)
        else:  # cut exactly before the first event: as if nothing had been accepted
            assert found.unaccepted
            accepted_message(tmp_path)
            raw_again = journal.read_bytes()
            assert len(raw_again) == len(raw)


FOREIGN = [
    ("notes.txt", b"hello", "no name of ours"),
    ("0.mail", b"", "no id in its name"),
    (f"{other_id(5)}.mail", b"", "empty: a file system that lost its data after the rename"),
    (f"{other_id(6)}.mail", b"From nobody\n", "an mbox that strayed in"),
    (f"{other_id(7)}.log", b"", "a journal that is no journal"),
]


@pytest.mark.parametrize(("name", "content", "why"), FOREIGN)
def test_foreign_files_are_set_aside_and_named_in_the_log(
    tmp_path: Path, name: str, content: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    accepted_message(tmp_path)
    (tmp_path / name).write_bytes(content)
    spool, found = reopened(tmp_path)
    assert found.set_aside == [name], why
    assert (tmp_path / "quarantine" / name).read_bytes() == content
    assert list(spool.messages) == [str(ID)]
    assert name in caplog.text


def test_a_message_without_its_journal_is_set_aside(tmp_path: Path) -> None:
    accepted_message(tmp_path).with_suffix(".log").unlink()
    _, found = reopened(tmp_path)
    assert found.set_aside == [f"{ID}.mail"]


def test_a_file_with_another_messages_name_is_set_aside(tmp_path: Path) -> None:
    path = accepted_message(tmp_path)
    os.rename(path, tmp_path / f"{other_id(9)}.mail")
    os.rename(path.with_suffix(".log"), tmp_path / f"{other_id(9)}.log")
    _, found = reopened(tmp_path)
    assert found.set_aside == [f"{other_id(9)}.mail", f"{other_id(9)}.log"]


def test_octets_behind_the_end_are_damage(tmp_path: Path) -> None:
    path = accepted_message(tmp_path)
    path.write_bytes(path.read_bytes() + b"x")
    _, found = reopened(tmp_path)
    assert f"{ID}.mail" in found.set_aside


def test_unfinished_files_and_journals_of_finished_messages_are_removed(tmp_path: Path) -> None:
    path = accepted_message(tmp_path)
    journal = path.with_suffix(".log").read_bytes()
    path.unlink()
    (tmp_path / f".{other_id(3)}.mail.new").write_bytes(b"half a")
    assert journal
    _, found = reopened(tmp_path)
    assert found.set_aside == []
    assert set(os.listdir(tmp_path)) == {"lock"}


def test_two_files_of_one_name_can_both_be_set_aside(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        (tmp_path / "stray").write_bytes(content)
        reopened(tmp_path)[0].close()
    assert {path.read_bytes() for path in (tmp_path / "quarantine").iterdir()} == {b"one", b"two"}


def hostile(folder: Path, name: str, kind: str) -> None:
    """Something under that name which is no file of ours."""
    path = folder / name
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            (path / "below").mkdir(parents=True)
        case "link":
            path.symlink_to("/etc/passwd")
        case "dangling link":
            path.symlink_to("/nowhere")
        case "socket":
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(str(path))
        case "large":
            with path.open("wb") as file:
                file.truncate(2**40)


@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "dangling link", "socket", "large"])
@pytest.mark.parametrize("suffix", [".mail", ".log", ".done", ".txt"])
@pytest.mark.timeout(30)
def test_whatever_lies_in_the_folder_the_start_neither_hangs_nor_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    accepted_message(tmp_path)
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    hostile(Path(), f"{other_id(5)}{suffix}", kind)
    spool, found = reopened(tmp_path)
    assert found.set_aside == [f"{other_id(5)}{suffix}"]
    assert list(spool.messages) == [str(ID)]
    assert os.path.lexists(tmp_path / "quarantine" / f"{other_id(5)}{suffix}")


def test_a_name_of_any_octets_is_set_aside(tmp_path: Path) -> None:
    accepted_message(tmp_path)
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n\x1b[31m"))).write_bytes(b"x")
    spool, found = reopened(tmp_path)
    assert len(found.set_aside) == 1
    assert list(spool.messages) == [str(ID)]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=3), some, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["id", "spooled_at", "upstream", "mail", "sender", "login", "credentials", "header_id", "digest",
                     "notification", "password", "n", "rcpt", "address", "tracked", "body", "patches", "event", "at",
                     "reply", "next", "copies", "tries", "names_itself"]),
    values,
)  # fmt: skip
def test_fields_of_any_kind_are_read_rightly_or_refused(name: str, value: object) -> None:
    """With a checksum that holds: what another program, or another version of ours, may have written."""
    payload = write_header(header()), write_copy(CopyDetail(copies(1)[0], 1, (Patch(0, b"x"),)))
    event = {"event": "deferred", "at": 1.0, "n": 1, "reply": "451 later", "next": 2.0, "copies": [1], "tries": 1}
    for raw, read in ((payload[0], read_header), (payload[1], read_copy), (json.dumps(event).encode(), parse_event)):
        fields = json.loads(raw)
        if name in fields:
            fields[name] = value
            try:
                found = read(json.dumps(fields).encode())
            except ValueError:
                continue
            if isinstance(found, Event):
                after(initial_standing((1, 2), ours=True), found)
            else:
                assert found is None or write_again(found)


def write_again(found: object) -> bytes:
    """What was read can be written, so it has the right types."""
    return write_header(found) if isinstance(found, SpoolHeader) else write_copy(found)  # type: ignore[arg-type]
