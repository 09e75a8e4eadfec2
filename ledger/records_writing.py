"""Writes what is known about messages: their records, what became of them, and the end of recording.

Each function is the work of one transaction on the writer's connection, synchronously; none of them commits.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, text, update

from ledger.book import Book, KnownMessage
from ledger.consent import recording_ends
from ledger.message_id import MessageId
from ledger.portions import portions_of
from ledger.record_rows import SENT, VERDICTS, milliseconds, rows_of, sent_rows, storable, words_in
from ledger.records import PROBE_TAG, MessageRecord, State, state_of_copies
from ledger.row_source import execute_rows
from ledger.schema import copy, message

INSERT_WORDS = text("INSERT INTO message_words (rowid, words) VALUES (:seq, :words)")
SUBTRACT_SENT = text(
    """
    UPDATE hourly SET sent = sent - :sent, tracked = tracked - :tracked
    WHERE login = :login AND sender = :sender AND hour = :hour
    """
)
LAST_SEQ = text("SELECT coalesce(max(seq), 0) FROM message")
_SEQ_OF = select(message.c.seq).where(message.c.id == bindparam("id"))


def register(connection: Connection, book: Book, record: MessageRecord) -> int:
    """The record's place in the order of submission. Raises IntegrityError when the id is there already."""
    last = book.last_message_seq
    seq = (connection.execute(LAST_SEQ).scalar_one() if last is None else last) + 1
    execute_rows(connection, rows_of(record, seq))
    book.last_message_seq = seq
    until = record.record_until
    ends = recording_ends(None, milliseconds(until) if until else None)
    shared = len(record.recipients) > 1
    login, sender = storable(record.login), storable(record.sender.lower())
    probe = PROBE_TAG in record.tags
    book.remember(
        record.id.raw, KnownMessage(seq, login, sender, shared, ends, probe=probe, counts_only=record.counts_only)
    )
    return seq


def unregister(connection: Connection, book: Book, record: MessageRecord) -> None:
    """Takes a record back whose message did not go out as recorded."""
    row = connection.execute(select(message.c.seq).where(message.c.id == record.id.raw)).first()
    if row is None:
        return
    forget_words(connection, row.seq, words_in(record))
    connection.execute(delete(message).where(message.c.seq == row.seq))
    if PROBE_TAG not in record.tags:
        connection.execute(SUBTRACT_SENT, [dict(zip(SENT.columns, one, strict=True)) for one in sent_rows(record)])
    book.messages.pop(record.id.raw, None)


def forget_words(connection: Connection, seq: int, words: str) -> None:
    """Takes a message's words out of the index; ``words`` must be what was put in."""
    if connection.dialect.name == "sqlite":
        # A contentless FTS5 table has to be told what stood there (sqlite.org/fts5.html, section 6.3).
        connection.execute(
            text("INSERT INTO message_words (message_words, rowid, words) VALUES ('delete', :seq, :words)"),
            {"seq": seq, "words": words},
        )
    else:
        connection.execute(text("DELETE FROM message_words WHERE rowid = :seq"), {"seq": seq})


def settle(
    connection: Connection, book: Book, message_id: MessageId, state: State, reply: str, accepted_at: datetime | None
) -> bool:
    """What the upstream said to the message as a whole; False when it is not in the ledger."""
    known = book.messages.get(message_id.raw)
    seq = known.seq if known else connection.execute(_SEQ_OF, {"id": message_id.raw}).scalar()
    if seq is None:
        return False
    at = milliseconds(accepted_at) if accepted_at else None
    execute_rows(connection, [(VERDICTS, [(seq, state.value, storable(reply), at)])])
    return True


def settle_copy(
    connection: Connection,
    message_id: MessageId,
    number: int,
    state: State,
    reply: str,
    accepted_at: datetime | None,
) -> bool:
    """What became of one recipient's copy; the message's own state follows from those of its copies."""
    row = connection.execute(select(message.c.seq).where(message.c.id == message_id.raw)).first()
    if row is None:
        return False
    mine = (copy.c.message_seq == row.seq) & (copy.c.number == number)
    if connection.execute(select(copy.c.address).where(mine)).scalar() == "":
        reply = ""  # its recipient was erased while it waited, and servers repeat addresses
    values: dict[str, object] = {"state": state.value, "reply": storable(reply)}
    if accepted_at is not None:
        values["accepted_at"] = accepted_at
    connection.execute(update(copy).where(copy.c.message_seq == row.seq, copy.c.number == number).values(values))
    states = connection.execute(select(copy.c.state).where(copy.c.message_seq == row.seq)).scalars().all()
    whole: dict[str, object] = {
        "state": state_of_copies(State(one) for one in states).value,
        "reply": storable(reply),
    }
    connection.execute(update(message).where(message.c.seq == row.seq).values(whole))
    if accepted_at is not None:
        first = update(message).where(message.c.seq == row.seq, message.c.accepted_at.is_(None))
        connection.execute(first.values(accepted_at=accepted_at))
    return True


def stop(connection: Connection, book: Book, message_id: MessageId, at: datetime) -> bool:
    """Ends recording for a message; a second time changes nothing. False when it is not in the ledger."""
    row = connection.execute(select(message.c.seq, message.c.stopped_at).where(message.c.id == message_id.raw)).first()
    if row is None:
        return False
    if row.stopped_at is None:
        connection.execute(update(message).where(message.c.seq == row.seq).values(stopped_at=at))
        book.messages.pop(message_id.raw, None)
    return True


def forget_networks(connection: Connection, before: datetime) -> int:
    """Empties the networks that messages submitted before then came from; how many there were."""
    emptied = 0
    for seqs in portions_of(
        connection, message.c.seq, (message.c.client_network != "") & (message.c.submitted_at < before)
    ):
        connection.execute(update(message).where(message.c.seq.in_(seqs)).values(client_network=""))
        emptied += len(seqs)
    return emptied
