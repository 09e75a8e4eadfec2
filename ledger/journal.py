"""Where hits go when the ledger does not take them in time: an append-only file, synced before the answer.

One line is a checksum and a value (ledger/wire.py). A line that was torn by a crash fails its checksum and was never
answered, so it is passed over. Replaying is harmless any number of times, since hits have unique ids. Room is reserved
ahead, so that a full disk still takes some. Blocking: call it from a thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ledger import wire

RESERVED = 512 * 1024  # about a thousand hits
LARGEST = 256 * 2**20  # of one file: a flood must not fill the disk
_SUFFIX = ".journal"


class Journal:
    """The process's own file among those in the folder; it is locked while the process lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._handle = -1
        self._end = 0
        self._reserved = 0

    @property
    def is_empty(self) -> bool:
        return self._end == 0

    def open(self) -> None:
        """Begins a file. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A random part: in a container the process after a crash often has the number of the one before, whose file
        # nobody has replayed yet.
        path = self._folder / f"{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}"
        # It gets its name when it is locked: between the two, others would take it for one that was left behind.
        unnamed = path.with_suffix(".new")
        handle = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(path)
        self._path, self._handle, self._end, self._reserved = path, handle, 0, 0
        self._reserve(RESERVED)
        _sync_folder(self._folder)

    def append(self, values: Iterable[object]) -> None:
        """On the disk when it returns. Raises OSError; then nothing of it is in the file."""
        raw = b"".join(_line(wire.dump(value)) for value in values)
        if self._handle < 0:
            self.open()
        if self._end + len(raw) > LARGEST:
            raise OSError("the journal is full")
        self._reserve(self._end + len(raw))
        try:
            written = 0
            while written < len(raw):
                written += os.pwrite(self._handle, raw[written:], self._end + written)
            os.fdatasync(self._handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.pwrite(self._handle, bytes(len(raw)), self._end)
            raise
        self._end += len(raw)

    def rotate(self) -> None:
        """Leaves the file to be replayed; the next ``append`` begins another."""
        if self._handle >= 0:
            if self.is_empty and self._path is not None:
                self._path.unlink(missing_ok=True)
            os.close(self._handle)
        self._handle, self._path, self._end = -1, None, 0

    def _reserve(self, size: int) -> None:
        if size <= self._reserved:
            return
        wanted = -(-size // RESERVED) * RESERVED
        with contextlib.suppress(OSError):  # without room ahead there may still be room for this
            os.posix_fallocate(self._handle, 0, wanted)
            os.fsync(self._handle)
            self._reserved = wanted


def left_behind(folder: Path) -> list[Path]:
    """Files whose process is gone or has left them, oldest first."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime):
            if not _is_held(path):
                found.append(path)
    return found


def count_waiting(folder: Path) -> int:
    """How many files hold something that was not replayed yet, held ones too."""
    waiting = 0
    for path in folder.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(OSError), path.open("rb") as file:  # it may be replayed and gone meanwhile
            waiting += file.read(1) not in (b"", b"\0")  # room is reserved as NULs
    return waiting


def read_journal(path: Path) -> Iterator[Any]:
    """The whole values of a file, in order; torn or damaged lines are passed over."""
    with path.open("rb") as lines:  # one by one: after a long night it holds more than memory does
        yield from _values(lines)


def _values(lines: Iterable[bytes]) -> Iterator[Any]:
    for line in lines:
        checksum, _, raw = line.strip(b"\0\n").partition(b" ")
        if checksum and checksum == b"%08x" % zlib.crc32(raw):
            with contextlib.suppress(ValueError):
                yield wire.load(raw)


def _line(raw: bytes) -> bytes:
    return b"%08x %b\n" % (zlib.crc32(raw), raw)


def _is_held(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
