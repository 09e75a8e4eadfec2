"""Writes hits and what they add up to, in one transaction.

Every hit gets a row; a repeated view is kept and not counted. Counts of message, copy, link and hour change in the
same transaction, so a hit is counted exactly when it is stored. Runs inside the writer's transaction, synchronously.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, text

from ledger.book import Book, KnownMessage, ViewKey
from ledger.consent import recording_ends
from ledger.counting import CLICKS, COLUMN_OF, OPENS, Tally
from ledger.day_rows import DAY, add_days, day_row
from ledger.records import PROBE_TAG, Hit
from ledger.row_source import Kind, Rows, execute_rows
from ledger.schema import COLUMNS

HIT_COLUMNS = {
    "seq": "BIGINT", "id": "TEXT", "at": "BIGINT", "kind": "TEXT", "message_seq": "BIGINT", "copy": "INT",
    "link": "INT", "method": "TEXT", "class": "TEXT", "confidence": "TEXT", "rule": "TEXT", "user_agent": "TEXT",
    "ip": "TEXT", "repeats": "INT", "counted": "BOOLEAN", "facts": "JSON",
}  # fmt: skip

KNOWN_MESSAGES = text(
    """
    SELECT id, seq, login, sender, recipient_count, stopped_at, record_until, counts_only,
           EXISTS (SELECT 1 FROM tag WHERE tag.word = :probe AND tag.message_seq = message.seq) AS probe
    FROM message WHERE id IN :ids
    """
).bindparams(bindparam("ids", expanding=True))

SILENCES = text("SELECT message_seq, copy, kind FROM silence WHERE message_seq IN :messages").bindparams(
    bindparam("messages", expanding=True)
)

KNOWN_HITS = text("SELECT id FROM hit WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))

_NUMBERS = tuple(f"{kind}_{column}" for kind in ("opens", "clicks") for column in COLUMNS)
# A first time that is none is later than every other, a last one 0: see counting.py.
_NEVER = "4611686018427387904"
_MOMENTS = ("first", "last", "last_hit")
SUM_COLUMNS = (
    {"place": "BIGINT", "copy": "INT", "link": "INT"}
    | dict.fromkeys(COLUMNS, "INT")
    | dict.fromkeys(_MOMENTS, "BIGINT")
)
_WORDS = {OPENS: ("opens", "opened"), CLICKS: ("clicks", "clicked")}  # as columns are called after them


def _add(table: str, kind: str, keys: Mapping[str, str], *more: str) -> tuple[str, str]:
    """The statement that adds to the rows of that table, whose columns are found by those of ``rows``."""
    counts, event = _WORDS[kind]
    first, last = f"first_{event}_at", f"last_{event}_at"
    sets = [
        *(f"{counts}_{column} = {table}.{counts}_{column} + rows.{column}" for column in COLUMNS),
        f"{first} = CASE WHEN rows.first < coalesce({table}.{first}, {_NEVER}) THEN rows.first"
        f" ELSE {table}.{first} END",
        f"{last} = CASE WHEN rows.last > coalesce({table}.{last}, 0) THEN rows.last ELSE {table}.{last} END",
        *more,
    ]
    where = " AND ".join(f"{table}.{column} = rows.{name}" for column, name in keys.items())
    sums = ", ".join(f"CAST(sum({column}) AS INT) AS {column}" for column in COLUMNS)
    names = ", ".join(keys.values())
    joined = (
        f"SELECT {names}, {sums}, min(first) AS first, max(last) AS last, max(last_hit) AS last_hit"  # noqa: S608
        f" FROM rows GROUP BY {names}"
    )
    return f"UPDATE {table} SET {', '.join(sets)} FROM rows WHERE {where}", joined  # noqa: S608


def _columns(names: Iterable[str]) -> str:
    return ", ".join(f"rows.{name}" for name in names)


_LAST_HIT = """last_hit_at = CASE WHEN rows.last_hit > coalesce(message.last_hit_at, 0)
               THEN rows.last_hit ELSE message.last_hit_at END"""
_OF_MESSAGE = {"seq": "place"}
_OF_COPY = {"message_seq": "place", "number": "copy"}
_OF_LINK = {"message_seq": "place", "number": "link"}
HITS = Kind(
    1,
    HIT_COLUMNS,
    ((f"INSERT INTO hit ({', '.join(HIT_COLUMNS)}) SELECT {_columns(HIT_COLUMNS)} FROM rows", ""),),  # noqa: S608
)
SUMS = {
    OPENS: Kind(2, SUM_COLUMNS, (_add("message", OPENS, _OF_MESSAGE, _LAST_HIT), _add("copy", OPENS, _OF_COPY))),
    CLICKS: Kind(
        3,
        SUM_COLUMNS,
        (
            _add("message", CLICKS, _OF_MESSAGE, _LAST_HIT),
            _add("copy", CLICKS, _OF_COPY),
            _add("link", CLICKS, _OF_LINK),
        ),
    ),
}
HOUR_COLUMNS = {"login": "TEXT", "sender": "TEXT", "hour": "BIGINT"} | dict.fromkeys(_NUMBERS, "INT")
# "WHERE true" tells SQLite that ON belongs to the conflict and not to a join (sqlite.org/lang_upsert.html, section 2.2)
_ADD_TO_HOURS = f"""
    INSERT INTO hourly ({", ".join(HOUR_COLUMNS)}) SELECT {_columns(HOUR_COLUMNS)} FROM rows WHERE true
    ON CONFLICT (login, sender, hour) DO UPDATE SET
        {", ".join(f"{name} = hourly.{name} + excluded.{name}" for name in _NUMBERS)}"""  # noqa: S608
HOURS = Kind(4, HOUR_COLUMNS, ((_ADD_TO_HOURS, ""),))
SET_REPEATS = text("UPDATE hit SET repeats = :n WHERE id = :id AND repeats < :n")
RECENT_VIEWS = text(
    """
    SELECT hit.at, hit.kind, hit.message_seq, hit.copy, hit.link, hit.class AS hit_class, hit.user_agent, hit.ip,
           message.recipient_count > 1 AS shared
    FROM hit JOIN message ON message.seq = hit.message_seq
    WHERE hit.at >= :since AND hit.counted ORDER BY hit.seq
    """
)


StoredHit = tuple[int, Hit, bool]  # its place in the order of arrival, and whether its message is in the ledger


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
    if not book.views_known:
        _learn_views(connection, book, min(map(_milliseconds, hits)) - repeat_window)
    seq = book.last_hit_seq
    if seq is None:
        seq = connection.execute(text("SELECT coalesce(max(seq), 0) FROM hit")).scalar_one()
    tally, rows, stored, days = Tally(), [], [], []
    for hit in hits:
        message = book.messages.get(hit.message.raw)
        at = _milliseconds(hit)
        # As plain text: the driver looks for an adapter of any other, and ``.value`` takes longer than this.
        kind, hit_class = str(hit.kind), str(hit.verdict.hit_class)
        if message is not None and (at >= message.recording_ends or (hit.copy, kind) in message.silent):
            continue
        if message is not None and message.counts_only:
            days.append(_as_number(tally, message, hit, at - at % DAY))
            continue
        seq += 1
        counted = message is not None and _count(book, tally, message, hit, kind, hit_class, at, repeat_window)
        rows.append((
            seq, hit.id, at, kind, message.seq if message else None, hit.copy, hit.link, hit.method, hit_class,
            str(hit.verdict.confidence), hit.verdict.rule, hit.user_agent, hit.ip, hit.repeats, int(counted),
            hit.evidence or None,
        ))  # fmt: skip
        stored.append((seq, hit, message is not None))
    if rows or days:
        execute_rows(connection, [(HITS, rows), *_rows_of(tally)])
        add_days(connection, days)
    book.last_hit_seq = seq
    return stored


def write_tally(connection: Connection, tally: Tally) -> None:
    """Adds the differences to the rows they are for; a row that is gone is left out."""
    execute_rows(connection, _rows_of(tally))


def _rows_of(tally: Tally) -> Rows:
    for name, kind in SUMS.items():
        yield kind, [(*place, *sums) for place, sums in tally.rows[name].items()]
    yield HOURS, list(tally.hours())


def set_repeats(connection: Connection, repeats: Sequence[tuple[str, int]]) -> int:
    """How many hits the rows of these stand for by now; the number never goes down, so saying it twice is harmless.
    Gives how many of the rows are not there: they may be in a journal still."""
    if not repeats:
        return 0
    connection.execute(SET_REPEATS, [{"id": hit, "n": number} for hit, number in repeats])
    ids = {hit for hit, _ in repeats}
    return len(ids) - len(connection.execute(KNOWN_HITS, {"ids": list(ids)}).all())


def view_key(message_seq: int, shared: bool, kind: str, copy: int, link: int, hit_class: str, source: str) -> ViewKey:
    """Whose looking again it would be. In a copy for one person every view is theirs, from wherever."""
    return message_seq, kind, copy, link, COLUMN_OF[hit_class], source if shared and copy == 0 else ""


def _count(
    book: Book, tally: Tally, message: KnownMessage, hit: Hit, kind: str, hit_class: str, at: int, window: int
) -> bool:
    source = f"{hit.ip} {hit.user_agent}" if message.shared else ""
    key = view_key(message.seq, message.shared, kind, hit.copy, hit.link, hit_class, source)
    counted = book.counts(key, at, window)
    tally.add(
        message.seq, message.login, message.sender, kind, hit.copy, hit.link, hit_class, at, int(counted),
        not message.probe,
    )  # fmt: skip
    return counted


def _as_number(tally: Tally, message: KnownMessage, hit: Hit, day: int) -> dict[str, Any]:
    """A hit on a message that is counted only, by one who could not read that it is: it becomes a number of its day."""
    kind, hit_class = hit.kind.value, hit.verdict.hit_class.value
    tally.add(message.seq, message.login, message.sender, kind, 0, hit.link, hit_class, day, 1)
    return day_row(message.seq, day, kind, hit.link, hit_class, 1)


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
        known = KnownMessage(
            row.seq, row.login, row.sender, shared, ends, quiet, bool(row.probe), bool(row.counts_only)
        )
        book.remember(bytes(row.id), known)


def _silences(connection: Connection, messages: list[int]) -> dict[int, frozenset[tuple[int, str]]]:
    found: dict[int, frozenset[tuple[int, str]]] = {}
    for row in connection.execute(SILENCES, {"messages": messages}):
        found[row.message_seq] = found.get(row.message_seq, frozenset()) | {(row.copy, row.kind)}
    return found


def _learn_views(connection: Connection, book: Book, since: int) -> None:
    book.views_known = True
    for row in connection.execute(RECENT_VIEWS, {"since": since}):
        source = f"{row.ip} {row.user_agent}"
        key = view_key(row.message_seq, bool(row.shared), row.kind, row.copy, row.link, row.hit_class, source)
        book.views[key] = row.at
