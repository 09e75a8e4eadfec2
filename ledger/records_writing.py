"""Writes what is known about messages: their records, what became of them, and the end of recording.

Each function is the work of one transaction on the writer's connection, synchronously; none of them commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, text, update

from ledger.book import Book, KnownMessage
from ledger.consent import recording_ends
from ledger.counting import HOUR
from ledger.message_id import MessageId
from ledger.records import PROBE_TAG, CopyRecord, LinkRecord, MessageRecord, State
from ledger.schema import copy, link, message, tag
from ledger.words import words_of

INSERT_WORDS = text("INSERT INTO message_words (rowid, words) VALUES (:seq, :words)")
ADD_SENT = text(
    """
    INSERT INTO hourly (login, sender, hour, sent, tracked) VALUES (:login, :sender, :hour, 1, :tracked)
    ON CONFLICT (login, sender, hour) DO UPDATE SET
        sent = hourly.sent + 1, tracked = hourly.tracked + excluded.tracked
    """
)
SUBTRACT_SENT = text(
    """
    UPDATE hourly SET sent = sent - 1, tracked = tracked - :tracked
    WHERE login = :login AND sender = :sender AND hour = :hour
    """
)


# Many rows in one statement take SQLite a third less time than one by one, and other threads run meanwhile. Each number
# of rows is a statement of its own, and prepared ones are kept: so there are few numbers.
_ROWS = (64, 16, 4, 1)
_INSERT_LINKS = {
    count: "INSERT INTO link (message_seq, number, url, text, name, part, tracked, reason) VALUES "  # noqa: S608
    + ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * count)
    for count in _ROWS
}


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def register(connection: Connection, book: Book, record: MessageRecord) -> int:
    """The record's place in the order of submission. Raises IntegrityError when the id is there already."""
    seq = connection.execute(insert(message).returning(message.c.seq), _message_row(record)).scalar_one()
    copies = record.copies or (CopyRecord(0, state=record.state, reply=record.reply),)
    connection.execute(insert(copy), [_copy_row(seq, one) for one in copies])
    if record.link_list:
        _insert_links(connection, seq, record.link_list)
    if record.tags:
        connection.execute(
            insert(tag), [{"word": storable(word), "message_seq": seq} for word in dict.fromkeys(record.tags)]
        )
    connection.execute(INSERT_WORDS, {"seq": seq, "words": _words(record)})
    probe = PROBE_TAG in record.tags
    if not probe:
        connection.execute(ADD_SENT, _hours_of(record))
    until = record.record_until
    ends = recording_ends(None, milliseconds(until) if until else None)
    shared = len(record.recipients) > 1
    login, sender = storable(record.login), storable(record.sender.lower())
    book.remember(
        record.id.raw, KnownMessage(seq, login, sender, shared, ends, probe=probe, counts_only=record.counts_only)
    )
    return int(seq)


def unregister(connection: Connection, book: Book, record: MessageRecord) -> None:
    """Takes a record back whose message did not go out as recorded."""
    row = connection.execute(select(message.c.seq).where(message.c.id == record.id.raw)).first()
    if row is None:
        return
    forget_words(connection, row.seq, _words(record))
    connection.execute(delete(message).where(message.c.seq == row.seq))
    if PROBE_TAG not in record.tags:
        connection.execute(SUBTRACT_SENT, _hours_of(record))
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
    connection: Connection, message_id: MessageId, state: State, reply: str, accepted_at: datetime | None
) -> bool:
    """What the upstream said to the message as a whole; False when it is not in the ledger."""
    values: dict[str, object] = {"state": state.value, "reply": storable(reply)}
    if accepted_at is not None:
        values |= {"accepted_at": accepted_at}
    changed = connection.execute(
        update(message).where(message.c.id == message_id.raw).values(values).returning(message.c.seq)
    ).first()
    if changed is None:
        return False
    connection.execute(update(copy).where(copy.c.message_seq == changed.seq, copy.c.number == 0).values(values))
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
        "state": state_of_copies([State(one) for one in states]).value,
        "reply": storable(reply),
    }
    connection.execute(update(message).where(message.c.seq == row.seq).values(whole))
    if accepted_at is not None:
        first = update(message).where(message.c.seq == row.seq, message.c.accepted_at.is_(None))
        connection.execute(first.values(accepted_at=accepted_at))
    return True


def state_of_copies(states: Sequence[State]) -> State:
    """Queued while one waits; the one they share; else partly."""
    if State.QUEUED in states:
        return State.QUEUED
    return states[0] if len(set(states)) == 1 else State.PARTLY


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
    result = connection.execute(
        update(message).where(message.c.client_network != "", message.c.submitted_at < before).values(client_network="")
    )
    return result.rowcount


def storable(text: str) -> str:
    """The text without what a database refuses: lone surrogates (octets that were no UTF-8) and NUL."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _message_row(record: MessageRecord) -> dict[str, object]:
    return {
        "id": record.id.raw,
        "submitted_at": record.submitted_at,
        "login": storable(record.login),
        "sender": storable(record.sender.lower()),
        "listener": storable(record.listener),
        "recipients": [storable(address) for address in record.recipients],
        "recipient_count": len(record.recipients),
        "subject": storable(record.subject),
        "header_id": storable(record.header_id),
        "tags": [storable(word) for word in record.tags],
        "meta": {storable(name): storable(value) for name, value in record.meta.items()},
        "notes": [storable(one) for one in record.notes],
        "opens": record.opens,
        "links": record.links,
        "individually": record.individually,
        "tracked": record.opens or record.links,
        "counts_only": record.counts_only,
        "reason": record.reason.value if record.reason else None,
        "notify": record.notify,
        "record_until": record.record_until,
        "client_network": record.client_network,
        "state": record.state.value,
        "reply": storable(record.reply),
    }


def _copy_row(seq: int, one: CopyRecord) -> dict[str, object]:
    return {
        "message_seq": seq,
        "number": one.number,
        "address": storable(one.address),
        "state": one.state.value,
        "reply": storable(one.reply),
        "tracks_opens": one.tracks_opens,
        "tracks_links": one.tracks_links,
    }


def _insert_links(connection: Connection, seq: int, links: Sequence[LinkRecord]) -> None:
    if connection.dialect.name != "sqlite":
        connection.execute(insert(link), [_link_row(seq, one) for one in links])
        return
    rest = len(links)
    for count in _ROWS:
        while rest >= count:
            values: list[object] = []
            for number, url, words, name, part, tracked, reason in links[len(links) - rest :][:count]:
                values += (seq, number, storable(url), storable(words), storable(name), part, tracked, reason)
            connection.exec_driver_sql(_INSERT_LINKS[count], tuple(values))
            rest -= count


def _link_row(seq: int, one: LinkRecord) -> dict[str, object]:
    return {
        "message_seq": seq,
        "number": one.number,
        "url": storable(one.url),
        "text": storable(one.text),
        "name": storable(one.name),
        "part": one.part,
        "tracked": one.tracked,
        "reason": one.reason.value if one.reason else None,
    }


def _words(record: MessageRecord) -> str:
    return words_of([storable(address) for address in record.recipients], storable(record.subject))


def _hours_of(record: MessageRecord) -> list[dict[str, object]]:
    login, sender = storable(record.login), storable(record.sender.lower())
    at = milliseconds(record.submitted_at)
    rows = [(login, sender), ("", "")] if login or sender else [("", "")]
    tracked = int(record.opens or record.links)
    return [{"login": who, "sender": address, "hour": at - at % HOUR, "tracked": tracked} for who, address in rows]
