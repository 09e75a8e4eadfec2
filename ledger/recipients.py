"""What a recipient may see and do about one message, with the token of their page and nothing else.

A copy made for one person, or a message to one, is theirs: their withdrawal holds for all delivered mail of that
sender, and what was recorded can be erased. Of a copy that several people share nobody can tell whose hits are whose:
it falls silent as a whole, and its hits go.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.changes import change_of_messages
from ledger.consent_events import ConsentPurpose
from ledger.consent_schema import silence
from ledger.erasure import erase_copy_hits, silence_copies, silence_copy
from ledger.message_id import MessageId
from ledger.people import ERASED
from ledger.schema import copy, hit, message

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
    devices: tuple[tuple[str, str], ...]  # user agent and address, as far as they are kept
    is_recording: bool


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
        select(func.count()).where(silence.c.message_seq == row.seq, silence.c.copy == number)
    )
    ended = row.stopped_at is not None or (row.record_until is not None and row.record_until <= now)
    firsts, lasts = [one.first for one in sums.values()], [one.last for one in sums.values()]
    return RecipientView(
        opens=row.opens,
        links=row.links,
        shared=number == 0 and row.recipient_count > 1,
        open_hits=int(sums["open"].n) if "open" in sums else 0,
        click_hits=int(sums["click"].n) if "click" in sums else 0,
        first_at=min(firsts, default=None),
        last_at=max(lasts, default=None),
        devices=tuple((one.user_agent, one.ip) for one in devices if one.user_agent or one.ip),
        is_recording=not ended and int(silent.scalar_one()) < len(BOTH),
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
def silence_for_recipient(connection: Connection, message_id: MessageId, number: int, at: datetime) -> bool:
    """Records no more of this copy, nor of others the same sender delivered to the same person."""
    row = connection.execute(_message(message_id)).first()
    if row is None:
        return False
    silence_copy(connection, row.seq, number, BOTH, at)
    address = connection.execute(
        select(copy.c.address).where(copy.c.message_seq == row.seq, copy.c.number == number)
    ).scalar()
    if not address and number == 0 and row.recipient_count == 1:
        address = row.recipients[0]
    if address and address != ERASED:
        silence_copies(connection, address, BOTH, at, row.sender)
    return True


@change_of_messages
def erase_for_recipient(connection: Connection, message_id: MessageId, number: int, at: datetime) -> int:
    """The same, and takes away what was recorded of this copy; how many hits."""
    if not silence_for_recipient(connection, message_id, number, at):
        return 0
    row = connection.execute(_message(message_id)).one()
    erased = erase_copy_hits(connection, row, number)
    connection.execute(text("UPDATE message SET client_network = '' WHERE seq = :seq"), {"seq": row.seq})
    return erased


def _message(message_id: MessageId) -> Select[tuple[object, ...]]:
    return select(message).where(message.c.id == message_id.raw)
