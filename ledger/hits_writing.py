"""Writes hits and what they add up to, in one transaction.

Every hit gets a row; a repeated view is kept and not counted. Counts of message, copy, link and hour change in the
same transaction, so a hit is counted exactly when it is stored. Runs inside the writer's transaction, synchronously.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Connection, bindparam, text

from ledger.book import Book, KnownMessage, ViewKey
from ledger.consent import recording_ends
from ledger.counting import COLUMN_OF, Tally
from ledger.records import Hit

INSERT_HIT = text(
    """
    INSERT INTO hit (seq, id, at, kind, message_seq, copy, link, method, class, confidence, rule, user_agent, ip,
                     repeats, counted, facts)
    VALUES (:seq, :id, :at, :kind, :message_seq, :copy, :link, :method, :class, :confidence, :rule, :user_agent, :ip,
            :repeats, :counted, :facts)
    """
).bindparams(bindparam("facts", type_=JSON(none_as_null=True)))

KNOWN_MESSAGES = text(
    """
    SELECT id, seq, login, sender, recipient_count, stopped_at, record_until FROM message WHERE id IN :ids
    """
).bindparams(bindparam("ids", expanding=True))

SILENCES = text("SELECT message_seq, copy, kind FROM silence WHERE message_seq IN :messages").bindparams(
    bindparam("messages", expanding=True)
)

KNOWN_HITS = text("SELECT id FROM hit WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))

_COUNTS = """
    opens_confirmed = opens_confirmed + :n0, opens_possible = opens_possible + :n1,
    opens_machine = opens_machine + :n2, opens_own = opens_own + :n3,
    clicks_confirmed = clicks_confirmed + :n4, clicks_possible = clicks_possible + :n5,
    clicks_machine = clicks_machine + :n6, clicks_own = clicks_own + :n7
"""
_OPENED = """
    first_opened_at = CASE WHEN :first_open < coalesce(first_opened_at, 4611686018427387904)
                      THEN :first_open ELSE first_opened_at END,
    last_opened_at = CASE WHEN :last_open > coalesce(last_opened_at, 0) THEN :last_open ELSE last_opened_at END
"""
_CLICKED = """
    first_clicked_at = CASE WHEN :first_click < coalesce(first_clicked_at, 4611686018427387904)
                       THEN :first_click ELSE first_clicked_at END,
    last_clicked_at = CASE WHEN :last_click > coalesce(last_clicked_at, 0) THEN :last_click ELSE last_clicked_at END
"""
ADD_TO_MESSAGE = text(
    f"""
    UPDATE message SET {_COUNTS}, {_OPENED}, {_CLICKED},
        last_hit_at = CASE WHEN :last_hit > coalesce(last_hit_at, 0) THEN :last_hit ELSE last_hit_at END
    WHERE seq = :row
    """  # noqa: S608 - only the constants above
)
ADD_TO_COPY = text(
    f"UPDATE copy SET {_COUNTS}, {_OPENED}, {_CLICKED} WHERE message_seq = :row AND number = :number"  # noqa: S608
)
ADD_TO_LINK = text(
    f"""
    UPDATE link SET clicks_confirmed = clicks_confirmed + :n4, clicks_possible = clicks_possible + :n5,
        clicks_machine = clicks_machine + :n6, clicks_own = clicks_own + :n7, {_CLICKED}
    WHERE message_seq = :row AND number = :number
    """  # noqa: S608
)
_HOURLY = (
    "opens_confirmed", "opens_possible", "opens_machine", "opens_own",
    "clicks_confirmed", "clicks_possible", "clicks_machine", "clicks_own",
)  # fmt: skip
ADD_TO_HOUR = text(
    f"""
    INSERT INTO hourly (login, sender, hour, {", ".join(_HOURLY)})
    VALUES (:login, :sender, :hour, :n0, :n1, :n2, :n3, :n4, :n5, :n6, :n7)
    ON CONFLICT (login, sender, hour) DO UPDATE SET
        {", ".join(f"{name} = hourly.{name} + excluded.{name}" for name in _HOURLY)}
    """  # noqa: S608
)
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
        connection.execute(INSERT_HIT, rows)
        write_tally(connection, tally)
    book.last_hit_seq = seq
    return stored


def write_tally(connection: Connection, tally: Tally) -> None:
    """Adds the differences to the rows they are for; a row that is gone is left out."""
    if tally.messages:
        connection.execute(ADD_TO_MESSAGE, [{"row": row} | sums.parameters() for row, sums in tally.messages.items()])
    for statement, rows in ((ADD_TO_COPY, tally.copies), (ADD_TO_LINK, tally.links)):
        if rows:
            connection.execute(
                statement,
                [{"row": row, "number": number} | sums.parameters() for (row, number), sums in rows.items()],
            )
    if tally.hours:
        connection.execute(
            ADD_TO_HOUR,
            [
                {"login": login, "sender": sender, "hour": hour} | {f"n{place}": n for place, n in enumerate(counts)}
                for (login, sender, hour), counts in tally.hours.items()
            ],
        )


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
    tally.add(message.seq, message.login, message.sender, kind, hit.copy, hit.link, hit_class, at, int(counted))
    return counted


def _row(hit: Hit, seq: int, at: int, message_seq: int | None, counted: bool) -> dict[str, Any]:
    return {
        "seq": seq,
        "id": hit.id,
        "at": at,
        "kind": hit.kind.value,
        "message_seq": message_seq,
        "copy": hit.copy,
        "link": hit.link,
        "method": hit.method,
        "class": hit.verdict.hit_class.value,
        "confidence": hit.verdict.confidence.value,
        "rule": hit.verdict.rule,
        "user_agent": hit.user_agent,
        "ip": hit.ip,
        "repeats": hit.repeats,
        "counted": counted,
        "facts": dict(hit.evidence) or None,
    }


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
    rows = connection.execute(KNOWN_MESSAGES, {"ids": unknown}).all()
    silent = _silences(connection, [row.seq for row in rows])
    for row in rows:
        ends = recording_ends(row.stopped_at, row.record_until)
        shared = row.recipient_count > 1
        known = KnownMessage(row.seq, row.login, row.sender, shared, ends, silent.get(row.seq, frozenset()))
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
