"""The journal of one spooled message: what happened to its copies, one checksummed line an event, fsynced.

    magic | (length: 4 bytes, big-endian | CRC-32 of the payload: 4 bytes | payload: JSON)…

A process that dies while it writes leaves a torn last line; the events before it stand, and the torn one had not
been acted upon, since acting waits for the fsync. Reading gives the events and whether the end was clean.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from relay.failpoints import failpoint
from relay.spool_files import DamagedFile, as_spool_fault, fsync_folder
from relay.spool_states import Event, EventKind

MAGIC = b"mailglass journal 1\n"
_LARGEST_EVENT = 2**20
# A thousand copies tried every hour for a month leave 300 MB; what is much larger is not read into memory.
LARGEST_JOURNAL = 2**32


def create_journal(path: Path) -> None:
    """An empty, durable journal; its folder is fsynced together with the message's file. Raises SpoolFault."""
    try:
        _write_new(path, MAGIC)
        failpoint("spool.journal-created")
    except FileExistsError as error:
        raise as_spool_fault(error) from error  # somebody else's: it stays
    except OSError as error:
        path.unlink(missing_ok=True)
        raise as_spool_fault(error) from error


def append(path: Path, events: Iterable[Event], sync: bool = True) -> None:
    """Add events; they are durable on return unless ``sync`` is False.

    Raises SpoolFault: the events may or may not be there, and this file must be replaced before it is used again.
    """
    data = b"".join(map(_line, events))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            failpoint("journal.before-write")
            _write_all(descriptor, data)
            if sync:
                failpoint("journal.before-fsync")
                os.fdatasync(descriptor)
                failpoint("journal.after-fsync")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise as_spool_fault(error) from error


def replace_journal(path: Path, events: Iterable[Event]) -> None:
    """Put a new journal in the old one's place, durably: for a journal whose last append failed or was torn."""
    temporary = path.with_name("." + path.name + ".new")
    try:
        temporary.unlink(missing_ok=True)
        _write_new(temporary, MAGIC + b"".join(map(_line, events)))
        os.rename(temporary, path)
        fsync_folder(path.parent)
    except OSError as error:
        raise as_spool_fault(error) from error


def read_journal(path: Path) -> tuple[list[Event], bool]:
    """The events, oldest first, and whether nothing torn follows them.

    Raises DamagedFile when it does not begin like a journal, OSError when it cannot be read.
    """
    if path.stat().st_size > LARGEST_JOURNAL:
        raise DamagedFile("is larger than any journal")
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise DamagedFile("does not begin like a journal")
    events: list[Event] = []
    position = len(MAGIC)
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        payload = data[position + 8 : position + 8 + length]
        checksum = int.from_bytes(data[position + 4 : position + 8], "big")
        if length > _LARGEST_EVENT or len(payload) != length or zlib.crc32(payload) != checksum:
            return events, False
        event = parse_event(payload)
        if event is None:
            return events, False
        events.append(event)
        position += 8 + length
    return events, True


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    """Write everything: a disk that is nearly full takes a part first, and says why only when asked for the rest."""
    while data:
        data = data[os.write(descriptor, data) :]


def _line(event: Event) -> bytes:
    fields: dict[str, object] = {"event": event.kind.value, "at": event.at.timestamp()}
    if event.number:
        fields["n"] = event.number
    if event.reply:
        fields["reply"] = event.reply
    if event.next_try is not None:
        fields["next"] = event.next_try.timestamp()
    if event.numbers:
        fields["copies"] = event.numbers
    if event.tries:
        fields["tries"] = event.tries
    payload = json.dumps(fields).encode("ascii")
    return len(payload).to_bytes(4, "big") + zlib.crc32(payload).to_bytes(4, "big") + payload


def parse_event(payload: bytes) -> Event | None:
    """None for what ``_line`` would not have written."""
    try:
        fields = json.loads(payload)
        next_try = fields.get("next")
        event = Event(
            EventKind(fields["event"]),
            datetime.fromtimestamp(fields["at"], UTC),
            fields.get("n", 0),
            fields.get("reply", ""),
            None if next_try is None else datetime.fromtimestamp(next_try, UTC),
            tuple(fields.get("copies", ())),
            fields.get("tries", 0),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        return None
    are_numbers = all(type(one) is int for one in (event.number, event.tries, *event.numbers))
    return event if are_numbers and isinstance(event.reply, str) else None
