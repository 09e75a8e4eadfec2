"""Gives stored hits another class and moves the counts along, in one transaction.

A hit that changes its column may have hidden a later one as its repetition, or now be a repetition itself, so the
series it stands in is looked at again from there on: the views of one kind, copy and link of one message. Only
differences are written, since earlier hits of the series may have been purged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, bindparam, text

from ledger.book import Book, ViewKey
from ledger.counting import COLUMN_OF, Tally
from ledger.hits_writing import view_key, write_tally
from ledger.message_id import MessageId
from ledger.records import PROBE_TAG, HitKind, Verdict

HITS_TO_CHANGE = text(
    """
    SELECT hit.id, hit.seq, hit.at, hit.kind, hit.message_seq, hit.copy, hit.link, hit.class AS hit_class,
           hit.confidence, hit.rule, message.id AS message_id, message.login, message.sender,
           message.recipient_count > 1 AS shared,
           EXISTS (SELECT 1 FROM tag WHERE tag.word = :probe AND tag.message_seq = hit.message_seq) AS probe
    FROM hit LEFT JOIN message ON message.seq = hit.message_seq WHERE hit.id IN :ids
    """
).bindparams(bindparam("ids", expanding=True))
CHANGE_CLASS = text("UPDATE hit SET class = :class, confidence = :confidence, rule = :rule WHERE seq = :seq")
SERIES = text(
    """
    SELECT seq, at, class AS hit_class, user_agent, ip, counted FROM hit
    WHERE message_seq = :message_seq AND kind = :kind AND copy = :copy AND link = :link AND at >= :since
      AND seq >= coalesce((SELECT seq FROM hit WHERE at >= :since ORDER BY at LIMIT 1), 0) - 1000
    ORDER BY at, seq
    """  # the bound on seq lets the index skip what is old; hits of different workers arrive a little out of order
)
CHANGE_COUNTED = text("UPDATE hit SET counted = :counted WHERE seq = :seq")
CONFIRMED = "class IN ('human', 'image-proxy')"
CHUNK = 500

# (message seq, kind, copy, link)
Series = tuple[int, str, int, int]


@dataclass(slots=True)
class _Moves:
    """What changes besides the counts."""

    flags: list[dict[str, Any]] = field(default_factory=list)
    no_longer_confirmed: dict[Series, list[int]] = field(default_factory=dict)  # the times of those hits


def change_verdicts(
    connection: Connection, book: Book, changes: Sequence[tuple[str, Verdict]], repeat_window: int
) -> list[tuple[int, str, str]]:
    """Hit seq, message id (ULID or empty) and hit id of those whose verdict is another one than before."""
    changed: list[tuple[int, str, str]] = []
    wanted = iter(dict(changes).items())
    while chunk := dict(islice(wanted, CHUNK)):
        changed += _change_chunk(connection, book, chunk, repeat_window)
    return changed


def _change_chunk(
    connection: Connection, book: Book, verdicts: dict[str, Verdict], window: int
) -> list[tuple[int, str, str]]:
    rows = [
        row
        for row in connection.execute(HITS_TO_CHANGE, {"ids": list(verdicts), "probe": PROBE_TAG})
        if (row.hit_class, row.confidence, row.rule) != _words(verdicts[row.id])
    ]
    moving: dict[Series, list[Row[Any]]] = {}
    for row in rows:
        if row.message_seq is not None and COLUMN_OF[row.hit_class] != verdicts[row.id].hit_class.column:
            moving.setdefault((row.message_seq, row.kind, row.copy, row.link), []).append(row)
    tally, moves = Tally(), _Moves()
    for series, hits in moving.items():
        _move(connection, book, tally, moves, series, hits, verdicts, window)
    if rows:
        keys = ("class", "confidence", "rule")
        connection.execute(
            CHANGE_CLASS, [{"seq": row.seq} | dict(zip(keys, _words(verdicts[row.id]), strict=True)) for row in rows]
        )
    if moves.flags:
        connection.execute(CHANGE_COUNTED, moves.flags)
    write_tally(connection, tally)
    for series, times in moves.no_longer_confirmed.items():
        _forget_times(connection, series, times)
    return [(row.seq, str(MessageId(bytes(row.message_id))) if row.message_id else "", row.id) for row in rows]


def _move(
    connection: Connection, book: Book, tally: Tally, moves: _Moves, series: Series, hits: list[Row[Any]],
    verdicts: dict[str, Verdict], window: int,
) -> None:  # fmt: skip
    message_seq, kind, copy, link = series
    of = hits[0]
    begin = min(row.at for row in hits)
    new_class = {row.seq: verdicts[row.id].hit_class.value for row in hits}
    last: dict[ViewKey, int] = {}
    for view in connection.execute(
        SERIES,
        {"message_seq": message_seq, "kind": kind, "copy": copy, "link": link, "since": begin - window},
    ).all():
        hit_class = new_class.get(view.seq, view.hit_class)
        source = f"{view.ip} {view.user_agent}"
        book.views.pop(view_key(message_seq, bool(of.shared), kind, copy, link, view.hit_class, source), None)
        key = view_key(message_seq, bool(of.shared), kind, copy, link, hit_class, source)
        counted = bool(view.counted)
        if view.at >= begin:
            counted = key not in last or view.at - last[key] >= window
        if counted:
            last[key] = view.at
        if view.counted:
            tally.add(message_seq, of.login, of.sender, kind, copy, link, view.hit_class, view.at, -1, not of.probe)
        tally.add(message_seq, of.login, of.sender, kind, copy, link, hit_class, view.at, int(counted), not of.probe)
        if counted != bool(view.counted):
            moves.flags.append({"seq": view.seq, "counted": counted})
        if COLUMN_OF[view.hit_class] == "confirmed" != COLUMN_OF[hit_class]:
            moves.no_longer_confirmed.setdefault(series, []).append(view.at)
    book.views |= last


def _forget_times(connection: Connection, series: Series, times: list[int]) -> None:
    """First and last times that were those of hits which are no longer confirmed; others stay, purged hits or not."""
    message_seq, kind, copy, link = series
    event = "opened" if kind == HitKind.OPEN.value else "clicked"
    rows = {
        "message": ("seq = :message_seq", "TRUE"),
        "copy": ("message_seq = :message_seq AND number = :copy", "hit.copy = :copy"),
    }
    if link:
        rows["link"] = ("message_seq = :message_seq AND number = :link", "hit.link = :link")
    values = {"message_seq": message_seq, "kind": kind, "copy": copy, "link": link}
    for table, (row, mine) in rows.items():
        for end, choose in (("first", "min"), ("last", "max")):
            column = f"{end}_{event}_at"
            statement = f"""
                UPDATE {table} SET {column} = (
                    SELECT {choose}(hit.at) FROM hit
                    WHERE hit.message_seq = :message_seq AND hit.kind = :kind AND {mine} AND hit.{CONFIRMED}
                ) WHERE {row} AND {column} IN :times
            """  # noqa: S608 - only the words above
            bound = text(statement).bindparams(bindparam("times", expanding=True))
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(bound, used | {"times": times})


def _words(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.hit_class.value, verdict.confidence.value, verdict.rule
