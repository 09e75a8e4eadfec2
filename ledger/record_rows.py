"""The rows of a message's record: which there are, and the statements that take them in (ledger/row_source.py).

Decides how a record becomes columns. A record is brought in by one statement, whatever number of links and copies it
has. Knows no transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ledger.counting import HOUR
from ledger.records import PROBE_TAG, CopyRecord, MessageRecord
from ledger.row_source import Kind, Rows
from ledger.words import words_of


def _insert(table: str, columns: Mapping[str, str], more: str = "") -> tuple[str, str]:
    values = ", ".join(f"rows.{name}" for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM rows{more}", ""  # noqa: S608 - our own names


_MESSAGE_COLUMNS = {
    "seq": "BIGINT", "id": "BYTEA", "submitted_at": "BIGINT", "login": "TEXT", "sender": "TEXT", "listener": "TEXT",
    "recipients": "JSON", "recipient_count": "INT", "subject": "TEXT", "header_id": "TEXT", "tags": "JSON",
    "meta": "JSON", "notes": "JSON", "opens": "BOOLEAN", "links": "BOOLEAN", "individually": "BOOLEAN",
    "tracked": "BOOLEAN", "counts_only": "BOOLEAN", "reason": "TEXT", "notify": "TEXT", "record_until": "BIGINT",
    "client_network": "TEXT", "state": "TEXT", "reply": "TEXT",
}  # fmt: skip
_COPY_COLUMNS = {
    "message_seq": "BIGINT", "number": "INT", "address": "TEXT", "state": "TEXT", "reply": "TEXT",
    "tracks_opens": "BOOLEAN", "tracks_links": "BOOLEAN",
}  # fmt: skip
_LINK_COLUMNS = {
    "message_seq": "BIGINT", "number": "INT", "url": "TEXT", "text": "TEXT", "name": "TEXT", "part": "TEXT",
    "tracked": "BOOLEAN", "reason": "TEXT",
}  # fmt: skip
_SENT_COLUMNS = {"login": "TEXT", "sender": "TEXT", "hour": "BIGINT", "sent": "INT", "tracked": "INT"}
# "WHERE true" as in hits_writing.py.
_ADD_TO_HOUR = """ WHERE true ON CONFLICT (login, sender, hour) DO UPDATE SET
    sent = hourly.sent + excluded.sent, tracked = hourly.tracked + excluded.tracked"""
MESSAGES = Kind(5, _MESSAGE_COLUMNS, (_insert("message", _MESSAGE_COLUMNS),))
COPIES = Kind(6, _COPY_COLUMNS, (_insert("copy", _COPY_COLUMNS),))
LINKS = Kind(7, _LINK_COLUMNS, (_insert("link", _LINK_COLUMNS),), many=True)
TAGS = Kind(8, {"word": "TEXT", "message_seq": "BIGINT"}, (_insert("tag", {"word": "", "message_seq": ""}),))
WORDS = Kind(9, {"rowid": "BIGINT", "words": "TEXT"}, (_insert("message_words", {"rowid": "", "words": ""}),))
SENT = Kind(10, _SENT_COLUMNS, (_insert("hourly", _SENT_COLUMNS, _ADD_TO_HOUR),))

_VERDICT = "SET state = rows.state, reply = rows.reply, accepted_at = coalesce(rows.accepted_at, {0}.accepted_at)"
VERDICTS = Kind(
    11,
    {"place": "BIGINT", "state": "TEXT", "reply": "TEXT", "accepted_at": "BIGINT"},
    (
        (f"UPDATE message {_VERDICT.format('message')} FROM rows WHERE message.seq = rows.place", ""),
        (
            f"UPDATE copy {_VERDICT.format('copy')} FROM rows WHERE copy.message_seq = rows.place AND copy.number = 0",
            "",
        ),
    ),
)


def rows_of(record: MessageRecord, seq: int) -> Rows:
    """Everything that ``register`` brings into the ledger."""
    copies = record.copies or (CopyRecord(0, state=record.state, reply=record.reply),)
    yield MESSAGES, [_message_row(record, seq)]
    yield COPIES, [_copy_row(seq, one) for one in copies]
    yield (
        LINKS,
        [
            (seq, number, storable(url), storable(words), storable(name), part, tracked, reason)
            for number, url, words, name, part, tracked, reason in record.link_list
        ],
    )
    yield TAGS, [(storable(word), seq) for word in dict.fromkeys(record.tags)]
    yield WORDS, [(seq, words_in(record))]
    if PROBE_TAG not in record.tags:
        yield SENT, sent_rows(record)


def sent_rows(record: MessageRecord) -> list[tuple[Any, ...]]:
    """What a message adds to its sender's hour and everybody's, in the order of _SENT_COLUMNS."""
    login, sender = storable(record.login), storable(record.sender.lower())
    at = milliseconds(record.submitted_at)
    hour, tracked = at - at % HOUR, int(record.opens or record.links)
    whose = [(login, sender), ("", "")] if login or sender else [("", "")]
    return [(who, address, hour, 1, tracked) for who, address in whose]


def words_in(record: MessageRecord) -> str:
    return words_of([storable(address) for address in record.recipients], storable(record.subject))


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def storable(text: str) -> str:
    """The text without what a database refuses: lone surrogates (octets that were no UTF-8) and NUL."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _message_row(record: MessageRecord, seq: int) -> tuple[Any, ...]:
    """In the order of _MESSAGE_COLUMNS."""
    until = record.record_until
    return (
        seq, record.id.raw, milliseconds(record.submitted_at), storable(record.login),
        storable(record.sender.lower()), storable(record.listener), _json(record.recipients), len(record.recipients),
        storable(record.subject), storable(record.header_id), _json(record.tags),
        json.dumps({storable(name): storable(value) for name, value in record.meta.items()}), _json(record.notes),
        record.opens, record.links, record.individually, record.opens or record.links, record.counts_only,
        record.reason and record.reason.value, record.notify, milliseconds(until) if until else None,
        record.client_network, record.state.value, storable(record.reply),
    )  # fmt: skip


def _json(words: Iterable[str]) -> str:
    return json.dumps([storable(word) for word in words])


def _copy_row(seq: int, one: CopyRecord) -> tuple[Any, ...]:
    """In the order of _COPY_COLUMNS."""
    return (
        seq, one.number, storable(one.address), one.state.value, storable(one.reply), one.tracks_opens,
        one.tracks_links,
    )  # fmt: skip
