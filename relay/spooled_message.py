"""One message in the spool: what stands in its file, and how it stands by its journal. Reads; never writes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from relay.copies import PlannedCopy
from relay.spool_files import DamagedFile, Record, read_records
from relay.spool_journal import read_journal
from relay.spool_records import SpoolHeader, read_copy, read_header
from relay.spool_states import Standing, after, initial_standing

MAIL_SUFFIX = ".mail"
JOURNAL_SUFFIX = ".log"

HEADER = b"H"
BODY = b"B"
COPY = b"C"
PLAIN_BODY = 0  # the first body of every file: the message less its control headers


@dataclass(frozen=True, slots=True)
class SpooledCopy:
    """One copy: what was planned, and where its details lie in the file."""

    planned: PlannedCopy
    record: Record


@dataclass(slots=True)
class SpooledMessage:
    """One message in the spool, with its present standing.

    ``claimed``: somebody is delivering it. ``is_waited_for``: its client, who is to have the answer.
    """

    path: Path
    header: SpoolHeader
    bodies: tuple[Record, ...]
    copies: dict[int, SpooledCopy]
    standing: Standing
    claimed: bool = False
    is_waited_for: bool = False
    unsettled: set[int] = field(default_factory=set)  # copies whose standing the ledger has not been told
    journal_sound: bool = True  # False: torn, or its last append failed; to be replaced before anything is added
    recording: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def accepted_at(self) -> datetime:
        """When the upstream accepted its first copy, so that its client was to hear 250."""
        return self.standing.ours_since or self.header.spooled_at

    @property
    def journal(self) -> Path:
        return self.path.with_suffix(JOURNAL_SUFFIX)


def read_message(path: Path) -> SpooledMessage:
    """The message of a ``.mail`` file and its journal, both verified.

    Raises ValueError (DamagedFile) when either is not whole and ours, OSError when it cannot be read.
    """
    header: SpoolHeader | None = None
    bodies: list[Record] = []
    copies: dict[int, SpooledCopy] = {}
    for record, payload in read_records(path, bodies=BODY):
        if record.kind == HEADER:
            header = read_header(payload)
        elif record.kind == BODY:
            bodies.append(record)
        elif record.kind == COPY:
            detail = read_copy(payload)
            if detail.body >= len(bodies):
                raise DamagedFile("a copy names a body that is not there")
            copies[detail.planned.number] = SpooledCopy(detail.planned, record)
        else:
            raise DamagedFile("holds a record of an unknown kind")
    if header is None or not copies or path.stem != str(header.id):
        raise DamagedFile("is not the message its name says")
    standing, sound = read_standing(path.with_suffix(JOURNAL_SUFFIX), initial_standing(copies, header.notification))
    return SpooledMessage(path, header, tuple(bodies), copies, standing, journal_sound=sound)


def read_standing(journal: Path, standing: Standing) -> tuple[Standing, bool]:
    """The standing after all events of a journal, and whether the journal ends cleanly."""
    events, clean = read_journal(journal)
    for event in events:
        standing = after(standing, event)
    return standing, clean
