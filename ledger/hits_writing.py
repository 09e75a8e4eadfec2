"""Writes hits and what they add up to, in one transaction.

Every hit gets a row; a repeated view is kept and not counted. Counts of message, copy, link and hour change in the
same transaction, so a hit is counted exactly when it is stored. Runs inside the writer's transaction, synchronously.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, text

from ledger.book import Book, KnownMessage, ViewKey
from ledger.consent import recording_ends
from ledger.counting import COLUMN_OF, Tally
from ledger.records import PROBE_TAG, Hit
from ledger.row_source import execute_rows

HIT_COLUMNS = {
    "seq": "BIGINT", "id": "TEXT", "at": "BIGINT", "kind": "TEXT", "message_seq": "BIGINT", "copy": "INT",
    "link": "INT", "method": "TEXT", "class": "TEXT", "confidence": "TEXT", "rule": "TEXT", "user_agent": "TEXT",
    "ip": "TEXT", "repeats": "INT", "counted": "BOOLEAN", "facts": "JSON",
}  # fmt: skip
INSERT_HITS = f"INSERT INTO hit ({', '.join(HIT_COLUMNS)}) SELECT {', '.join(HIT_COLUMNS)} FROM rows"  # noqa: S608

KNOWN_MESSAGES = text(
    """
    SELECT id, seq, login, sender, recipient_count, stopped_at, record_until,
           EXISTS (SELECT 1 FROM tag WHERE tag.word = :probe AND tag.message_seq = message.seq) AS probe
    FROM message WHERE id IN :ids
    """
).bindparams(bindparam("ids", expanding=True))

SILENCES = text("SELECT message_seq, copy, kind FROM silence WHERE message_seq IN :messages").bindparams(
    bindparam("messages", expanding=True)
)

KNOWN_HITS = text("SELECT id FROM hit WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))

_NUMBERS = (
    "opens_confirmed", "opens_possible", "opens_machine", "opens_own",
    "clicks_confirmed", "clicks_possible", "clicks_machine", "clicks_own",
)  # fmt: skip
# A first time that is none is later than every other, a last one 0: see counting.py.
_NEVER = "4611686018427387904"
_MOMENTS = ("first_open", "last_open", "first_click", "last_click", "last_hit")
SUM_COLUMNS = {
    "place": "BIGINT",
    "number": "INT",
    **{f"n{place}": "INT" for place in range(8)},
    **dict.fromkeys(_MOMENTS, "BIGINT"),
}


def _set_counts(table: str, places: range) -> str:
    return ", ".join(f"{_NUMBERS[n]} = {table}.{_NUMBERS[n]} + rows.n{n}" for n in places)


def _set_times(table: str, event: str, short: str) -> str:
    first, last = f"first_{event}_at", f"last_{event}_at"
    return f"""
        {first} = CASE WHEN rows.first_{short} < coalesce({table}.{first}, {_NEVER})
                  THEN rows.first_{short} ELSE {table}.{first} END,
        {last} = CASE WHEN rows.last_{short} > coalesce({table}.{last}, 0)
                 THEN rows.last_{short} ELSE {table}.{last} END"""


ADD_TO_MESSAGES = f"""
    UPDATE message SET {_set_counts("message", range(8))},
        {_set_times("message", "opened", "open")}, {_set_times("message", "clicked", "click")},
        last_hit_at = CASE WHEN rows.last_hit > coalesce(message.last_hit_at, 0)
                      THEN rows.last_hit ELSE message.last_hit_at END
    FROM rows WHERE message.seq = rows.place"""  # noqa: S608
ADD_TO_COPIES = f"""
    UPDATE copy SET {_set_counts("copy", range(8))},
        {_set_times("copy", "opened", "open")}, {_set_times("copy", "clicked", "click")}
    FROM rows WHERE copy.message_seq = rows.place AND copy.number = rows.number"""  # noqa: S608
ADD_TO_LINKS = f"""
    UPDATE link SET {_set_counts("link", range(4, 8))}, {_set_times("link", "clicked", "click")}
    FROM rows WHERE link.message_seq = rows.place AND link.number = rows.number"""  # noqa: S608
HOUR_COLUMNS = {"login": "TEXT", "sender": "TEXT", "hour": "BIGINT"} | dict.fromkeys(_NUMBERS, "INT")
# "WHERE true" tells SQLite that ON belongs to the conflict and not to a join (sqlite.org/lang_upsert.html, section 2.2)
ADD_TO_HOURS = f"""
    INSERT INTO hourly ({", ".join(HOUR_COLUMNS)}) SELECT {", ".join(HOUR_COLUMNS)} FROM rows WHERE true
    ON CONFLICT (login, sender, hour) DO UPDATE SET
        {", ".join(f"{name} = hourly.{name} + excluded.{name}" for name in _NUMBERS)}"""  # noqa: S608
SET_REPEATS = text("UPDATE hit SET repeats = :n WHERE id = :id AND repeats < :n")
RECENT_VIEWS = text(
    """
    SELECT hit.at, hit.kind, hit.message_seq, hit.copy, hit.link, hit.class AS hit_class, hit.user_agent, hit.ip,
           message.recipient_count > 1 AS shared
    FROM hit JOIN message ON message.seq = hit.message_seq
    WHERE hit.at >= :since AND hit.counted ORDER BY hit.seq
    """
)


@dataclass(frozen=True, slots=True)
class StoredHit:
    """A hit with its place in the order of arrival."""

    seq: int
    hit: Hit
    known: bool  # whether its message is in the ledger


def add_hits(
    connection: Connection, book: Book, hits: Sequence[Hit], repeat_window: int, again: bool = False
) -> list[StoredHit]:
    """Stores and counts the hits; what came back was stored. ``again``: some may be in the ledger already (a replay).

    A hit on a message whose recording has ended leaves no trace. ``repeat_window`` is in milliseconds.
    """
    if again:
        hits = _not_yet_stored(connection, hits)
    if not hits:
        return []
    _learn_messages(connection, book, {hit.message.raw for hit in hits})
    _learn_views(connection, book, min(_milliseconds(hit) for hit in hits) - repeat_window)
    seq = book.last_hit_seq
    if seq is None:
        seq = connection.execute(text("SELECT coalesce(max(seq), 0) FROM hit")).scalar_one()
    tally, rows, stored = Tally(), [], []
    for hit in hits:
        message = book.messages.get(hit.message.raw)
        at = _milliseconds(hit)
        if message is not None and (at >= message.recording_ends or (hit.copy, hit.kind.value) in message.silent):
            continue
        seq += 1
        counted = message is not None and _count(book, tally, message, hit, at, repeat_window)
        rows.append(_row(hit, seq, at, message.seq if message else None, counted))
        stored.append(StoredHit(seq, hit, message is not None))
    if rows:
        execute_rows(connection, HIT_COLUMNS, INSERT_HITS, rows)
        write_tally(connection, tally)
    book.last_hit_seq = seq
    return stored


def write_tally(connection: Connection, tally: Tally) -> None:
    """Adds the differences to the rows they are for; a row that is gone is left out."""
    for body, sums in (
        (ADD_TO_MESSAGES, {(row, 0): sums for row, sums in tally.messages.items()}),
        (ADD_TO_COPIES, tally.copies),
        (ADD_TO_LINKS, tally.links),
    ):
        if sums:
            rows = [(place, number, *of_row.values()) for (place, number), of_row in sums.items()]
            execute_rows(connection, SUM_COLUMNS, body, rows)
    if tally.hours:
        hours = [(*key, *counts) for key, counts in tally.hours.items()]
        execute_rows(connection, HOUR_COLUMNS, ADD_TO_HOURS, hours)


def set_repeats(connection: Connection, repeats: Sequence[tuple[str, int]]) -> None:
    """How many hits the rows of these stand for by now; the number never goes down, so saying it twice is harmless."""
    if repeats:
        connection.execute(SET_REPEATS, [{"id": hit, "n": number} for hit, number in repeats])


def view_key(message_seq: int, shared: bool, kind: str, copy: int, link: int, hit_class: str, source: str) -> ViewKey:
    """Whose looking again it would be. In a copy for one person every view is theirs, from wherever."""
    return message_seq, kind, copy, link, COLUMN_OF[hit_class], source if shared and copy == 0 else ""


def _count(book: Book, tally: Tally, message: KnownMessage, hit: Hit, at: int, window: int) -> bool:
    kind, hit_class = hit.kind.value, hit.verdict.hit_class.value
    source = f"{hit.ip} {hit.user_agent}"
    key = view_key(message.seq, message.shared, kind, hit.copy, hit.link, hit_class, source)
    counted = book.counts(key, at, window)
    tally.add(
        message.seq, message.login, message.sender, kind, hit.copy, hit.link, hit_class, at, int(counted),
        charted=not message.probe,
    )  # fmt: skip
    return counted


def _row(hit: Hit, seq: int, at: int, message_seq: int | None, counted: bool) -> tuple[Any, ...]:
    """In the order of HIT_COLUMNS."""
    verdict = hit.verdict
    facts = json.dumps(dict(hit.evidence)) if hit.evidence else None
    return (
        seq, hit.id, at, hit.kind.value, message_seq, hit.copy, hit.link, hit.method, verdict.hit_class.value,
        verdict.confidence.value, verdict.rule, hit.user_agent, hit.ip, hit.repeats, counted, facts,
    )  # fmt: skip


def _milliseconds(hit: Hit) -> int:
    return round(hit.at.timestamp() * 1000)


def _not_yet_stored(connection: Connection, hits: Sequence[Hit]) -> list[Hit]:
    by_id = {hit.id: hit for hit in hits}  # a journal may hold one twice
    stored = connection.execute(KNOWN_HITS, {"ids": list(by_id)}).scalars()
    for known in stored:
        del by_id[known]
    return list(by_id.values())


def _learn_messages(connection: Connection, book: Book, ids: Iterable[bytes]) -> None:
    unknown = [raw for raw in ids if raw not in book.messages]
    if not unknown:
        return
    rows = connection.execute(KNOWN_MESSAGES, {"ids": unknown, "probe": PROBE_TAG}).all()
    silent = _silences(connection, [row.seq for row in rows])
    for row in rows:
        ends = recording_ends(row.stopped_at, row.record_until)
        shared = row.recipient_count > 1
        quiet = silent.get(row.seq, frozenset())
        known = KnownMessage(row.seq, row.login, row.sender, shared, ends, quiet, bool(row.probe))
        book.remember(bytes(row.id), known)


def _silences(connection: Connection, messages: list[int]) -> dict[int, frozenset[tuple[int, str]]]:
    found: dict[int, frozenset[tuple[int, str]]] = {}
    for row in connection.execute(SILENCES, {"messages": messages}):
        found[row.message_seq] = found.get(row.message_seq, frozenset()) | {(row.copy, row.kind)}
    return found


def _learn_views(connection: Connection, book: Book, since: int) -> None:
    if book.views_known:
        return
    book.views_known = True
    for row in connection.execute(RECENT_VIEWS, {"since": since}):
        source = f"{row.ip} {row.user_agent}"
        key = view_key(row.message_seq, bool(row.shared), row.kind, row.copy, row.link, row.hit_class, source)
        book.views[key] = row.at
