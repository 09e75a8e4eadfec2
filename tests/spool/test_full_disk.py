"""A real file system that is full, and one that is read-only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.individual import as_relay_fault
from relay.replies import for_fault
from relay.spool import Spool
from relay.spool_files import SpoolFault, SpoolFull
from relay.spool_states import CopyState, Event, EventKind
from relay.spooled_message import SpooledMessage
from tests.small_disk import mount, mounted
from tests.spool.messages import AT, PLAIN, copies, header, other_id, rendered

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "256k") as folder:
        yield folder


def fill(disk: Path, leave: int = 0) -> Path:
    """Take all the space but so many bytes."""
    path = disk / "filler"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, b"x" * 4096)
    except OSError:
        os.ftruncate(descriptor, max(os.fstat(descriptor).st_size - leave, 0))
    finally:
        os.close(descriptor)
    return path


def record_until_full(spool: Spool, message: SpooledMessage) -> None:
    """Note one failed try after the other until the journal's last page is full."""
    for _ in range(200):
        spool.record(message, Event(EventKind.DEFERRED, AT, 2, "451 4.3.0 later " * 10, AT))


@pytest.mark.parametrize("leave", [0, 8192, 16384])
def test_a_full_disk_is_452_and_leaves_nothing_behind(small_disk: Path, leave: int) -> None:
    spool = Spool(small_disk / "spool")
    filler = fill(small_disk, leave)
    large = PLAIN * 2000  # about 170 kB
    with pytest.raises(SpoolFull) as raised:
        spool.write(header(), large, copies(3), lambda number: large + rendered(number))
    assert for_fault(as_relay_fault(raised.value).fault, "x").raw.startswith(b"452 4.3.1 ")
    assert {path.name for path in spool.folder.iterdir()} == {"lock"}
    filler.unlink()
    assert spool.write(header(), PLAIN, copies(3), rendered).copies
    spool.close()


def test_a_disk_that_fills_up_later_keeps_no_copy_from_being_settled(small_disk: Path) -> None:
    spool = Spool(small_disk / "spool")
    message = spool.write(header(), PLAIN, copies(3), rendered)
    filler = fill(small_disk)
    with pytest.raises(SpoolFull):
        record_until_full(spool, message)
    with pytest.raises(SpoolFull):
        spool.record(message, Event(EventKind.DELIVERED, AT, 2, "250 Ok"))
    assert message.standing.copies[2].state is CopyState.DELIVERED
    filler.unlink()
    spool.record(message, Event(EventKind.DELIVERED, AT, 3, "250 Ok"))
    spool.remove(message)
    assert {path.name for path in spool.folder.iterdir()} == {"lock"}
    spool.close()


def test_a_read_only_disk_is_451(small_disk: Path) -> None:
    spool = Spool(small_disk / "spool")
    spool.write(header(other_id(1)), PLAIN, copies(1), rendered)
    spool.close()  # the lock's descriptor is open for writing, which would keep the disk busy
    assert mount("-o", "remount,ro", str(small_disk))
    try:
        with pytest.raises(SpoolFault) as raised:
            Spool(small_disk / "spool")
        assert for_fault(as_relay_fault(raised.value).fault, "x").raw.startswith(b"451 ")
    finally:
        assert mount("-o", "remount,rw", str(small_disk))


def test_a_read_only_data_folder_is_one_clear_line_and_status_78(small_disk: Path) -> None:
    (small_disk / "relay.toml").write_text('[[listener]]\nbind = "127.0.0.1:0"\n')
    (small_disk / "var").mkdir()
    assert mount("-o", "remount,ro", str(small_disk))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILGLASS_")}
    ended = subprocess.run(
        [sys.executable, "-m", "mailglass", "relay"],
        cwd=small_disk, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 78
    (line,) = ended.stderr.splitlines()
    assert line == f"mailglass: data_dir: cannot use {small_disk}/var: Read-only file system"
