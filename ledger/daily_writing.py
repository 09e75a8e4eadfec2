"""Counts without anybody: numbers a day, kind, link and class, and what messages and charts add up of them.

Two things are counted so: hits of messages that are counted only (``identity = "aggregate"``), and hits that are
purged, which leave their number behind. Times are days: not even a first or last time of such a message is finer. Runs
inside the writer's transaction, synchronously.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, text

from ledger.book import Book
from ledger.consent import recording_ends
from ledger.counting import OPENS, Tally
from ledger.day_rows import DAY, add_days, day_row
from ledger.hits_writing import write_tally
from ledger.record_rows import milliseconds
from ledger.records import DayCounts

MESSAGES = text("SELECT id, seq, login, sender, stopped_at, record_until FROM message WHERE id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
SILENT = text("SELECT message_seq, kind FROM silence WHERE copy = 0 AND message_seq IN :messages").bindparams(
    bindparam("messages", expanding=True)
)
# A purged hit was one view, or looked again (counted is false), or stands for more than sixty a minute.
ADD_PURGED = text(
    f"""
    INSERT INTO daily (message_seq, day, kind, link, class, number)
    SELECT message_seq, at - at % {DAY}, kind, link, class, count(*) FROM hit
    WHERE seq IN :gone AND message_seq IS NOT NULL AND counted
    GROUP BY message_seq, at - at % {DAY}, kind, link, class
    ON CONFLICT (message_seq, day, kind, link, class) DO UPDATE SET number = daily.number + excluded.number
    """  # noqa: S608 - the number above
).bindparams(bindparam("gone", expanding=True))
_CONFIRMED = "daily.number > 0 AND daily.class IN ('human', 'image-proxy')"


@dataclass(frozen=True, slots=True)
class _Counted:
    seq: int
    login: str
    sender: str
    ends: int


def add_counts(connection: Connection, book: Book, group: DayCounts, again: bool = False) -> list[bytes]:
    """Counts them; the ids of the messages whose numbers changed. What is for a message that
    is not known, was stopped before that day, or whose recipients fell silent, is left out; so is a group that was
    counted already. ``again``: it comes from a journal, and what corrects it may have been counted before it."""
    if not book.is_new_group(group.id):
        return []
    messages = _messages(connection, {one.message.raw for one in group.counts})
    silent = _silent(connection, [message.seq for message in messages.values()])
    tally, rows, taken_back = Tally(), [], set()
    for one in group.counts:
        message, day = messages.get(one.message.raw), milliseconds(one.day)
        kind, hit_class = one.kind.value, one.hit_class.value
        if message is None or message.ends <= day or (message.seq, kind) in silent:
            continue
        tally.add(message.seq, message.login, message.sender, kind, 0, one.link, hit_class, day, one.number)
        rows.append(day_row(message.seq, day, kind, one.link, hit_class, one.number))
        if one.number < 0 or again:
            taken_back.add((message.seq, kind, one.link))
    if rows:
        add_days(connection, rows)
        write_tally(connection, tally)
        _look_at_days_again(connection, taken_back)
    changed = {row["message_seq"] for row in rows}
    return [raw for raw, message in messages.items() if message.seq in changed]


def count_purged(connection: Connection, hits: Sequence[int]) -> None:
    """Before these hits are deleted: what they counted stays as numbers a day."""
    connection.execute(ADD_PURGED, {"gone": list(hits)})


def _messages(connection: Connection, ids: Iterable[bytes]) -> dict[bytes, _Counted]:
    return {
        bytes(row.id): _Counted(row.seq, row.login, row.sender, recording_ends(row.stopped_at, row.record_until))
        for row in connection.execute(MESSAGES, {"ids": list(ids)})
    }


def _silent(connection: Connection, messages: list[int]) -> set[tuple[int, str]]:
    return {(row.message_seq, row.kind) for row in connection.execute(SILENT, {"messages": messages})}


def _look_at_days_again(connection: Connection, places: Iterable[tuple[int, str, int]]) -> None:
    """First and last days of what became less: a count that was taken back may have been the first."""
    for message_seq, kind, link in sorted(places):
        event = "opened" if kind == OPENS else "clicked"
        tables = {"message": "seq = :message_seq", "copy": "message_seq = :message_seq AND number = 0"}
        for table, row in tables.items():
            connection.execute(_set_days(table, event, row, ""), {"message_seq": message_seq, "kind": kind})
        if link:
            row = "message_seq = :message_seq AND number = :link"
            values: dict[str, Any] = {"message_seq": message_seq, "kind": kind, "link": link}
            connection.execute(_set_days("link", event, row, " AND daily.link = :link"), values)


def _set_days(table: str, event: str, row: str, of_link: str) -> Any:
    days = f"FROM daily WHERE daily.message_seq = :message_seq AND kind = :kind AND {_CONFIRMED}{of_link}"
    return text(
        f"UPDATE {table} SET first_{event}_at = (SELECT min(day) {days}), last_{event}_at = (SELECT max(day) {days}) "  # noqa: S608
        f"WHERE {row}"
    )
