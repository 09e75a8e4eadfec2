"""Writing messages to the spool and noting what becomes of them."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay import failpoints
from relay.spool import Spool
from relay.spool_files import SpoolFault, SpoolFull
from relay.spool_lock import SpoolInUse
from relay.spool_start import load_spool
from relay.spool_states import CopyState, Event, EventKind
from relay.spooled_message import read_message
from tests.spool.messages import AT, ID, PLAIN, content_of, copies, header, other_id, put, rendered


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def names(folder: Path) -> set[str]:
    return set(os.listdir(folder)) - {"lock"}


def test_every_copy_comes_back_as_it_was_rendered(tmp_path: Path) -> None:
    spool = put(tmp_path / "spool", count=5)
    message = spool.messages[str(ID)]
    assert [content_of(spool, message, number) for number in range(1, 6)] == [rendered(n) for n in range(1, 6)]


def test_an_untracked_copy_is_the_plain_message(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    mixed = (copies(2)[0], *copies(2, tracked=False)[1:])
    message = spool.write(header(), PLAIN, mixed, rendered)
    assert content_of(spool, message, 1) == rendered(1)
    assert content_of(spool, message, 2) == PLAIN


def test_a_copy_of_another_length_is_kept_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    longer = {1: b"short\r\n", 2: b"quite a bit longer\r\n", 3: b"middling\r\n"}
    message = spool.write(header(), PLAIN, copies(3), longer.__getitem__)
    assert [content_of(spool, message, number) for number in longer] == list(longer.values())


def test_the_copies_of_several_versions_are_each_kept_as_differences(tmp_path: Path) -> None:
    """Recipients who permit different things alternate; each version is kept once, not once a change."""
    spool = Spool(tmp_path / "spool")

    def of_three_lengths(number: int) -> bytes:
        return (b"x" * 998 + b"\r\n") * (50 + number % 3) + b"%08d\r\n" % number

    message = spool.write(header(), PLAIN, copies(60), of_three_lengths)
    assert len(message.bodies) == 1 + 3
    assert [content_of(spool, message, number) for number in range(1, 61)] == [
        of_three_lengths(number) for number in range(1, 61)
    ]


def test_the_file_grows_by_differences_and_not_by_the_message(tmp_path: Path) -> None:
    large = b"x" * 998 + b"\r\n"
    spool = Spool(tmp_path / "spool")
    message = spool.write(header(), PLAIN, copies(200), lambda number: large * 100 + b"%08d\r\n" % number)
    assert message.path.stat().st_size < 100_000 + 200 * 1000


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    before = os.umask(0)
    try:
        put(folder)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in os.listdir(folder)} == {0o600}


def test_a_second_instance_is_kept_out(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    with pytest.raises(SpoolInUse, match=str(os.getpid())):
        Spool(tmp_path / "spool")
    spool.close()
    Spool(tmp_path / "spool").close()


def test_events_stand_after_a_restart(tmp_path: Path) -> None:
    spool = put(tmp_path / "spool")
    message = spool.messages[str(ID)]
    spool.record(message, Event(EventKind.UNDER_WAY, AT, 1))
    spool.record(message, Event(EventKind.OURS, AT), Event(EventKind.DELIVERED, AT, 1, "250 Ok"))
    spool.record(message, Event(EventKind.UNDER_WAY, AT, 2))
    spool.record(message, Event(EventKind.DEFERRED, AT, 2, "451 later", AT))
    spool.close()
    again = Spool(tmp_path / "spool")
    load_spool(again, hold_doubtful=False)
    assert again.messages[str(ID)].standing == message.standing
    assert again.messages[str(ID)].standing.copies[1].state is CopyState.DELIVERED
    assert again.messages[str(ID)].standing.copies[2].tries == 1


def test_a_removed_message_leaves_nothing(tmp_path: Path) -> None:
    spool = put(tmp_path / "spool")
    spool.remove(spool.messages[str(ID)])
    assert names(spool.folder) == set()
    assert spool.messages == {}


WRITE_PLACES = [
    "spool.journal-created",
    "spool.file-opened",
    "spool.body-written",
    "spool.copy-written",
    "spool.before-fsync",
    "spool.after-fsync",
    "spool.after-rename",
]


@pytest.mark.parametrize("place", WRITE_PLACES)
@pytest.mark.parametrize(("error", "fault"), [("ENOSPC", SpoolFull), ("EIO", SpoolFault), ("EROFS", SpoolFault)])
def test_a_failing_disk_is_a_typed_fault_and_leaves_nothing_half_done(
    tmp_path: Path, place: str, error: str, fault: type[SpoolFault]
) -> None:
    spool = Spool(tmp_path / "spool")
    failpoints.arm(f"{place}={error}")
    with pytest.raises(SpoolFault) as raised:
        spool.write(header(), PLAIN, copies(3), rendered)
    assert type(raised.value) is fault
    assert names(spool.folder) == set()
    # The disk has room again: nothing needs a restart.
    spool.write(header(), PLAIN, copies(3), rendered)
    assert names(spool.folder) == {f"{ID}.mail", f"{ID}.log"}


def test_an_error_while_rendering_leaves_nothing_half_done(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")

    def fails_at_the_second(number: int) -> bytes:
        if number == 2:
            raise RuntimeError("no such copy")
        return rendered(number)

    with pytest.raises(RuntimeError):
        spool.write(header(), PLAIN, copies(3), fails_at_the_second)
    assert names(spool.folder) == set()


@pytest.mark.parametrize("place", ["journal.before-write", "journal.before-fsync"])
def test_an_event_that_could_not_be_written_is_written_with_the_next_one(tmp_path: Path, place: str) -> None:
    spool = put(tmp_path / "spool")
    message = spool.messages[str(ID)]
    failpoints.arm(f"{place}=EIO")
    with pytest.raises(SpoolFault):
        spool.record(message, Event(EventKind.OURS, AT), Event(EventKind.DELIVERED, AT, 1, "250 Ok"))
    spool.record(message, Event(EventKind.REFUSED, AT, 2, "550 no"))
    on_disk = read_message(message.path)
    assert on_disk.standing == message.standing
    assert on_disk.standing.ours
    assert on_disk.standing.copies[1].state is CopyState.DELIVERED


def test_looking_at_the_spool_while_others_write_never_fails(tmp_path: Path) -> None:
    """Submissions write in threads of their own; the spool's task and a resent message look meanwhile."""
    spool = Spool(tmp_path / "spool")
    ends = threading.Event()
    faults: list[BaseException] = []

    def look() -> None:
        try:
            while not ends.is_set():
                spool.find_unanswered("no such digest", AT)
        except RuntimeError as fault:
            faults.append(fault)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for looker in lookers:
            looker.start()
        for number in range(300):
            message = spool.write(header(other_id(number)), PLAIN, copies(1), rendered)
            if number % 3:
                spool.remove(message)
    finally:
        ends.set()
        for looker in lookers:
            looker.join()
        sys.setswitchinterval(interval)
    assert faults == []
