"""What a spool finds in its folder at start: messages to deliver, remains to remove, and what to set aside.

Anything that is not whole and ours goes to ``quarantine/`` and is named in the log; the rest is delivered all the
same. A message whose first copy had not been accepted when the process died belongs to its client, who never heard
250: it is not delivered.
"""

from __future__ import annotations

import logging
import os
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ledger.message_id import parse_message_id
from relay.copy_delivery import IN_DOUBT_WORDS
from relay.spool import Spool
from relay.spool_files import TEMPORARY_SUFFIX, SpoolFault, as_spool_fault
from relay.spool_journal import read_journal
from relay.spool_lock import LOCK_NAME
from relay.spool_requests import REQUESTS
from relay.spool_states import CopyState, Event, EventKind
from relay.spool_unheard import DONE_SUFFIX
from relay.spooled_message import JOURNAL_SUFFIX, MAIL_SUFFIX, SpooledMessage, read_message

QUARANTINE = "quarantine"
_OURS = {LOCK_NAME, QUARANTINE, REQUESTS}

log = logging.getLogger("mailglass.spool")


@dataclass(slots=True)
class Found:
    """What was in the folder. ``unaccepted`` are gone from the disk: they are their clients' business."""

    waiting: list[SpooledMessage] = field(default_factory=list)
    unaccepted: list[SpooledMessage] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)


def load_spool(spool: Spool, hold_doubtful: bool) -> Found:
    """Read the folder into ``spool.messages`` and tidy it. Raises SpoolFault when the folder cannot be read.

    ``hold_doubtful``: a copy that was under way when the process died is held instead of being sent again.
    """
    found = Found()
    try:
        for name in sorted(os.listdir(spool.folder)):
            if name not in _OURS:
                _sort_in(spool, spool.folder / name, found, hold_doubtful)
        for journal in spool.folder.glob(f"*{JOURNAL_SUFFIX}"):
            if not journal.with_suffix(MAIL_SUFFIX).exists():
                _tidy_lone_journal(journal, found)
    except SpoolFault:
        raise
    except OSError as error:
        raise as_spool_fault(error) from error
    return found


def _sort_in(spool: Spool, path: Path, found: Found, hold_doubtful: bool) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):  # reading a pipe would wait for ever
        _set_aside(path, "is no file", found)
    elif path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX):
        path.unlink()  # it never reached its commit point, so nobody was told anything
    elif parse_message_id(path.stem) is None or path.suffix not in (MAIL_SUFFIX, JOURNAL_SUFFIX, DONE_SUFFIX):
        _set_aside(path, "has no name of ours", found)
    elif path.suffix == DONE_SUFFIX:
        _take_unheard(spool, path, found)
    elif path.suffix == MAIL_SUFFIX:
        _take_message(spool, path, found, hold_doubtful)


def _take_unheard(spool: Spool, path: Path, found: Found) -> None:
    try:
        spool.unheard.load(path, datetime.now(UTC))
    except (ValueError, OSError) as error:
        _set_aside(path, str(error), found)


def _take_message(spool: Spool, path: Path, found: Found, hold_doubtful: bool) -> None:
    try:
        message = read_message(path)
    except (ValueError, OSError) as error:
        _set_aside(path, str(error), found)
        _set_aside(path.with_suffix(JOURNAL_SUFFIX), "belongs to it", found)
        return
    if message.standing.ours:
        spool.messages[str(message.header.id)] = message
        _resolve_doubt(spool, message, hold_doubtful)
        found.waiting.append(message)
    elif message.journal_sound:
        spool.remove(message)
        found.unaccepted.append(message)
    else:  # a torn journal cannot say that nobody accepted a copy
        _set_aside(path, "its journal is torn before anything was accepted", found)
        _set_aside(message.journal, "belongs to it", found)


def _resolve_doubt(spool: Spool, message: SpooledMessage, hold_doubtful: bool) -> None:
    """Copies that were under way: tried again, since a duplicate is better than a loss, unless told to hold them."""
    kind = EventKind.IN_DOUBT if hold_doubtful else EventKind.RELEASED
    now = datetime.now(UTC)
    words = IN_DOUBT_WORDS if hold_doubtful else "mailglass stopped while sending"
    numbers = message.standing.with_state(CopyState.UNDER_WAY)
    spool.record(message, *(Event(kind, now, number, words) for number in numbers))


def _tidy_lone_journal(journal: Path, found: Found) -> None:
    """A journal without its message: the last trace of a finished one, of one that never came to be, or of one that
    went back to its client."""
    try:
        events, clean = read_journal(journal)
    except (ValueError, OSError) as error:
        _set_aside(journal, str(error), found)
        return
    is_ours = any(event.kind is EventKind.OURS for event in events)
    waiting = {event.number for event in events if event.kind is EventKind.DEFERRED}
    settled = {event.number for event in events if event.kind not in (EventKind.DEFERRED, EventKind.UNDER_WAY)}
    if clean and (waiting <= settled or not is_ours):
        journal.unlink()
    else:
        _set_aside(journal, "its message is missing", found)


def _set_aside(path: Path, why: str, found: Found) -> None:
    if not os.path.lexists(path):
        return
    folder = path.parent / QUARANTINE
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / path.name
    for number in range(1, 10**6):
        if not os.path.lexists(target):
            break
        target = folder / f"{path.name}.{number}"
    os.rename(path, target)
    found.set_aside.append(path.name)
    log.warning("spool file set aside: %r %s", path.name, why)
