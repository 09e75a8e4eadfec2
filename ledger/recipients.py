"""What a recipient may see and do about one message, with the token of their page and nothing else.

A copy made for one person, or a message to one, is theirs: their withdrawal holds for all delivered mail of that
sender, and what was recorded can be erased. Of a copy that several people share nobody can tell whose hits are whose:
it falls silent as a whole, and its hits go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.changes import change_of_messages
from ledger.consent_events import ConsentPurpose
from ledger.consent_schema import silence
from ledger.erasure import KIND_OF, copies_of, erase_copy_hits, is_theirs, silence_copies, silence_copy
from ledger.message_id import MessageId
from ledger.people import ERASED
from ledger.schema import COLUMNS, copy, hit, message

BOTH = tuple(ConsentPurpose)
_DEVICES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RecipientView:
    """Neither address nor subject: whoever has the link to the page sees it."""

    opens: bool  # what the message was made to tell
    links: bool
    shared: bool
    open_hits: int
    click_hits: int
    first_at: datetime | None
    last_at: datetime | None
    devices: tuple[tuple[str, str], ...]  # user agent and address, as far as they are kept; none of a shared copy
    recording: frozenset[ConsentPurpose]  # of which something would be recorded from here on
    counts_only: bool = False  # of which no single hit is kept

    @property
    def tracked(self) -> frozenset[ConsentPurpose]:
        """What the message was made to tell, as purposes."""
        told = {ConsentPurpose.OPENS: self.opens, ConsentPurpose.LINKS: self.links}
        return frozenset(purpose for purpose, is_told in told.items() if is_told)


async def recipient_view(
    connection: AsyncConnection, message_id: MessageId, number: int, now: datetime
) -> RecipientView | None:
    """None when the ledger does not know the message (any more)."""
    row = (await connection.execute(_message(message_id))).first()
    if row is None:
        return None
    mine = (hit.c.message_seq == row.seq) & (hit.c.copy == number)
    sums = {
        one.kind: one
        for one in await connection.execute(
            select(hit.c.kind, func.sum(hit.c.repeats).label("n"), func.min(hit.c.at).label("first"),
                   func.max(hit.c.at).label("last")).where(mine).group_by(hit.c.kind)
        )
    }  # fmt: skip
    devices = await connection.execute(
        select(hit.c.user_agent, hit.c.ip).where(mine).distinct().order_by(hit.c.user_agent).limit(_DEVICES_SHOWN)
    )
    silent = await connection.execute(
        select(silence.c.kind).where(silence.c.message_seq == row.seq, silence.c.copy == number)
    )
    silent_kinds = set(silent.scalars())
    ended = row.stopped_at is not None or (row.record_until is not None and row.record_until <= now)
    shared = number == 0 and row.recipient_count > 1
    firsts, lasts = [one.first for one in sums.values()], [one.last for one in sums.values()]
    return RecipientView(
        opens=row.opens,
        links=row.links,
        shared=shared,
        open_hits=_counted(row, "opens") if row.counts_only else int(sums["open"].n) if "open" in sums else 0,
        click_hits=_counted(row, "clicks") if row.counts_only else int(sums["click"].n) if "click" in sums else 0,
        first_at=min(firsts, default=None),
        last_at=max(lasts, default=None),
        # Of a copy that several share they are other people's, too, and no business of whoever looks.
        devices=() if shared else tuple((one.user_agent, one.ip) for one in devices if one.user_agent or one.ip),
        recording=frozenset(purpose for purpose in BOTH if not ended and KIND_OF[purpose].value not in silent_kinds),
        counts_only=row.counts_only,
    )


async def owner_of_copy(connection: AsyncConnection, message_id: MessageId, number: int) -> tuple[str, str] | None:
    """Address and sender of a copy that is one person's; None for a shared one. For the register of consents alone."""
    row = (await connection.execute(_message(message_id))).first()
    if row is None:
        return None
    address = (
        await connection.execute(select(copy.c.address).where(copy.c.message_seq == row.seq, copy.c.number == number))
    ).scalar()
    if not address and number == 0 and row.recipient_count == 1:
        address = row.recipients[0]
    return (address, row.sender) if address and address != ERASED else None


@change_of_messages
def silence_for_recipient(
    connection: Connection, message_id: MessageId, number: int, purposes: Sequence[ConsentPurpose], at: datetime
) -> bool:
    """Records no more of these for this copy, nor for others the same sender delivered to the same person."""
    row = connection.execute(_message(message_id)).first()
    if row is None:
        return False
    silence_copy(connection, row.seq, number, purposes, at)
    address = _address_of(connection, row, number)
    if address:
        silence_copies(connection, address, purposes, at, row.sender)
    return True


@change_of_messages
def erase_for_recipient(
    connection: Connection, message_id: MessageId, number: int, purposes: Sequence[ConsentPurpose]
) -> int:
    """Takes away what was recorded of these for this copy and for others the same sender delivered to the same person;
    how many hits."""
    row = connection.execute(_message(message_id)).first()
    if row is None:
        return 0
    erased = erase_copy_hits(connection, row, number, purposes)
    address = _address_of(connection, row, number)
    for other, numbers in list(copies_of(connection, address, row.sender)) if address else ():
        for one in numbers:
            if is_theirs(other, one) and (other.seq, one) != (row.seq, number):
                erased += erase_copy_hits(connection, other, one, purposes)
    connection.execute(text("UPDATE message SET client_network = '' WHERE seq = :seq"), {"seq": row.seq})
    return erased


def _address_of(connection: Connection, row: Row[Any], number: int) -> str:
    """Whose copy it is; "" when several share it, or nobody knows any more."""
    mine = (copy.c.message_seq == row.seq) & (copy.c.number == number)
    address = str(connection.execute(select(copy.c.address).where(mine)).scalar() or "")
    if not address and number == 0 and row.recipient_count == 1:
        address = str(row.recipients[0])
    return "" if address == ERASED else address


def _counted(row: Row[Any], kind: str) -> int:
    return sum(getattr(row, f"{kind}_{column}") for column in COLUMNS)


def _message(message_id: MessageId) -> Select[tuple[object, ...]]:
    return select(message).where(message.c.id == message_id.raw)
