"""Which copies of a message there are. Pure.

Every recipient the upstream accepted gets one copy, numbered from 1 in the order of the RCPT commands; the number
stands in that copy's tokens. A copy that may not be tracked is the message as the client wrote it, less its control
headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.records import CopyRecord, State
from ledger.tokens import HIGHEST_NUMBER
from relay.prepared_copies import Tracks


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient the upstream accepted. ``rcpt`` is the RCPT line, as the client wrote it."""

    rcpt: bytes
    address: str
    may_be_tracked: bool = True


@dataclass(frozen=True, slots=True)
class PlannedCopy:
    """What one recipient is to get. ``number`` is the one in its tokens."""

    number: int
    rcpt: bytes
    address: str
    tracked: bool


def plan_copies(recipients: Sequence[Recipient], tracked: bool) -> tuple[PlannedCopy, ...]:
    """One copy a recipient; none is tracked when the message is not.

    Raises ValueError when there are more recipients than a token can number.
    """
    if len(recipients) > HIGHEST_NUMBER:
        raise ValueError(f"{len(recipients)} recipients are more than tokens can number")
    return tuple(
        PlannedCopy(number, one.rcpt, one.address, tracked and one.may_be_tracked)
        for number, one in enumerate(recipients, start=1)
    )


def copy_records(copies: Sequence[PlannedCopy], tracks: Sequence[Tracks] = ()) -> tuple[CopyRecord, ...]:
    """What the ledger is told before the first copy leaves; nothing of it is tracked where nothing is said."""
    known = [*tracks] or [Tracks()] * len(copies)
    return tuple(
        CopyRecord(copy.number, copy.address, State.QUEUED, "", of_copy.opens, of_copy.links)
        for copy, of_copy in zip(copies, known, strict=True)
    )
