"""Files that are whole or not there: typed, length-prefixed records, an END with a checksum, and durable writing.

    magic | (kind: 1 byte | length: 8 bytes, big-endian | payload)… | E | 32 | SHA-256 of everything before

A file is written under a temporary name, fsynced, renamed, and its folder fsynced; the rename is the one commit
point. What is torn, truncated, lengthened or foreign is recognised by reading it through. Knows no SMTP and no JSON.
An fsync that failed is never tried again: a second one may succeed although the data is gone.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from relay.failpoints import failpoint

MAGIC = b"mailglass spool 1\n"
END = b"E"
CHUNK = 65536
# Payloads other than bodies are small: a record that claims more is damage, not something to read into memory.
LARGEST_DETAIL = 16 * 2**20
TEMPORARY_SUFFIX = ".new"


class SpoolFault(OSError):
    """The spool could not keep or read something; nothing half done is left."""


class SpoolFull(SpoolFault):
    """No space, or no quota, is left for the spool."""


class SpoolUnreadable(SpoolFault):
    """The file of a message is gone, or cannot be read."""


class DamagedFile(ValueError):
    """A file of the spool is torn, truncated or not ours."""


def as_spool_fault(error: OSError | ValueError) -> SpoolFault:
    """The typed fault for what the file system said, or did without saying so."""
    if isinstance(error, ValueError):
        return SpoolFault(errno.EIO, str(error))
    kind = SpoolFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else SpoolFault
    return kind(error.errno, error.strerror or "input/output error")


@dataclass(frozen=True, slots=True)
class Record:
    """Where a record's payload lies in its file."""

    kind: bytes
    offset: int
    length: int


class RecordWriter:
    """Writes one file; ``commit`` makes it real, ``abandon`` leaves nothing. Raises SpoolFault, having abandoned."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name("." + path.name + TEMPORARY_SUFFIX)
        self._digest = hashlib.sha256()
        try:
            descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._file: BinaryIO = os.fdopen(descriptor, "wb", CHUNK)
        except OSError as error:
            raise as_spool_fault(error) from error
        failpoint_or_abandon(self, "spool.file-opened")
        self._put(MAGIC)

    def record(self, kind: bytes, chunks: Iterable[bytes], length: int) -> None:
        """Add one record whose payload is ``length`` bytes in ``chunks``."""
        self._put(kind + length.to_bytes(8, "big"))
        written = 0
        for chunk in chunks:
            self._put(chunk)
            written += len(chunk)
        if written != length:
            self.abandon()
            raise ValueError(f"a record of {length} bytes was given {written}")

    def commit(self) -> None:
        """End the file, make it durable and give it its name."""
        self._put(END + hashlib.sha256().digest_size.to_bytes(8, "big"))
        self._put(self._digest.digest())
        try:
            failpoint("spool.before-fsync")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            failpoint("spool.after-fsync")
            os.rename(self._temporary, self._path)  # the commit point
            failpoint("spool.after-rename")
            fsync_folder(self._path.parent)
        except OSError as error:
            self.abandon()
            raise as_spool_fault(error) from error

    def abandon(self) -> None:
        """Remove what was written, under either name. Never raises: the fault that led here is the one to tell."""
        try:
            self._file.close()
        except OSError:
            pass  # closing flushes, and the disk may be full
        for path in (self._temporary, self._path):
            try:
                path.unlink(missing_ok=True)
            except OSError:
                pass

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            self.abandon()
            raise as_spool_fault(error) from error
        self._digest.update(data)


def failpoint_or_abandon(writer: RecordWriter, name: str) -> None:
    """A failpoint whose failure is a failure to write."""
    try:
        failpoint(name)
    except OSError as error:
        writer.abandon()
        raise as_spool_fault(error) from error


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_records(path: Path, bodies: bytes) -> Iterator[tuple[Record, bytes]]:
    """All records before the END with their payloads (empty for the kinds in ``bodies``).

    Only when the iterator ends without an exception was the file whole. Raises DamagedFile for anything that
    ``RecordWriter`` would not have left, OSError when it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if _take(file, len(MAGIC), digest) != MAGIC:
            raise DamagedFile("does not begin like a file of the spool")
        while True:
            head = _take(file, 9, None)
            kind, length = head[:1], int.from_bytes(head[1:], "big")
            digest.update(head)
            if kind == END:
                if length != digest.digest_size or _take(file, length, None) != digest.digest() or file.read(1):
                    raise DamagedFile("its checksum does not hold")
                return
            record = Record(kind, file.tell(), length)
            if kind in bodies:
                _skip(file, length, digest)
                yield record, b""
            elif length > LARGEST_DETAIL:
                raise DamagedFile("a record claims an absurd length")
            else:
                yield record, _take(file, length, digest)


def read_slice(path: Path, record: Record) -> Iterator[bytes]:
    """A record's payload in chunks."""
    with path.open("rb") as file:
        file.seek(record.offset)
        left = record.length
        while left:
            chunk = file.read(min(CHUNK, left))
            if not chunk:
                raise DamagedFile("a record ends too soon")
            left -= len(chunk)
            yield chunk


def _take(file: BinaryIO, length: int, digest: hashlib._Hash | None) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise DamagedFile("it ends too soon")
    if digest is not None:
        digest.update(data)
    return data


def _skip(file: BinaryIO, length: int, digest: hashlib._Hash) -> None:
    while length:
        length -= len(_take(file, min(CHUNK, length), digest))
