"""What the copies of one message are made of: one analysis, many renderings. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ledger.message_id import MessageId
from ledger.records import MessageRecord

Render = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Tracks:
    """What is tracked of one copy."""

    opens: bool = False
    links: bool = False

    def __bool__(self) -> bool:
        return self.opens or self.links


@dataclass(frozen=True, slots=True)
class PreparedCopies:
    """``plain`` is the message less its control headers; ``render`` gives the rewritten bytes of a copy by its number,
    and may raise. ``tracks`` answers for each recipient in order, and ``rewritten`` whether theirs is not ``plain``: it
    may be one from which only marks were taken away. ``record`` is what goes on record, without its
    copies; ``note`` is what the client is told was done."""

    message_id: MessageId
    plain: bytes
    render: Render
    tracks: tuple[Tracks, ...]
    rewritten: tuple[bool, ...]
    record: MessageRecord
    note: str
