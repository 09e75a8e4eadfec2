"""What a hit needs to know of its message: whether anything may be recorded, and when and from where it was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.consent import may_record


@dataclass(frozen=True, slots=True)
class RecordingState:
    """``known`` is False for a message the ledger does not have (or cannot read just now)."""

    known: bool
    accepted_at: datetime | None = None  # the upstream's 250 for this copy: the clock of the rules starts here
    awaited_since: datetime | None = None  # submitted then, and nothing has been heard of the upstream's verdict
    stopped_at: datetime | None = None
    record_until: datetime | None = None
    tracked_links: int = 0
    own_networks: frozenset[str] = frozenset()  # the sender's, of the last 24 hours
    silent: frozenset[str] = frozenset()  # kinds of hit that this copy's recipient withdrew from
    counts_only: bool = False  # numbers a day, never rows

    def may_record(self, at: datetime, kind: str = "") -> bool:
        return kind not in self.silent and may_record(at, self.stopped_at, self.record_until)


UNKNOWN = RecordingState(known=False)


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """Something that was committed. ``seq`` is the hit's, or the message's for changes of messages."""

    what: str  # "hit", "verdict" (a hit's class changed), "message", "messages" (any number of them), "counts"
    seq: int
    message: str = ""  # the message's id as a ULID; empty for hits on unknown messages
    hit: str = ""  # the hit's id
