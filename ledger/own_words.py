"""What a sender writes to their own messages on the page: a note, and other tags than the mail had."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from ledger.changes import change
from ledger.message_id import MessageId
from ledger.record_rows import storable
from ledger.records import PROBE_TAG
from ledger.schema import message, tag


@change
def set_note(connection: Connection, message_id: MessageId, note: str) -> bool:
    """False when the ledger does not know the message."""
    changed = update(message).where(message.c.id == message_id.raw).values(own_note=storable(note))
    return bool(connection.execute(changed).rowcount)


@change
def set_tags(connection: Connection, message_id: MessageId, words: Sequence[str]) -> bool:
    """These tags instead of those there were. False when the ledger does not know the message.

    What makes a message a probe is neither put on nor taken off, since it decides what was counted from the beginning.
    """
    row = connection.execute(select(message.c.seq, message.c.tags).where(message.c.id == message_id.raw)).first()
    if row is None:
        return False
    own = [PROBE_TAG] if PROBE_TAG in row.tags else []
    kept = list(dict.fromkeys([*(storable(word) for word in words if word != PROBE_TAG), *own]))
    connection.execute(delete(tag).where(tag.c.message_seq == row.seq))
    if kept:
        connection.execute(insert(tag), [{"word": word, "message_seq": row.seq} for word in kept])
    connection.execute(update(message).where(message.c.seq == row.seq).values(tags=kept))
    return True
