"""Many rows of several kinds, each kind with the statements that take it in, brought into the ledger together.

SQLite's driver gives Python's interpreter lock up at every step of a statement and has to win it back from a busy
event loop, which made a group of thirty hits a hundred times slower than its work. So there is one statement, whose
one step does everything beside Python: rows go into a temporary view, and a trigger of each kind does with them what
its statements say. Outside a transaction that step is the whole transaction, its commit included. PostgreSQL gets one
statement after the other, with the rows as one parameter of JSON. Knows no table.
"""

from __future__ import annotations

import json
import re
import sqlite3
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection

# Columns of a view: as many as a hit has, and as many as a message has. Each costs every row of the statement a value.
WIDTHS = (16, 24)
# SQLite takes 32766 values a statement (SQLITE_MAX_VARIABLE_NUMBER since 3.32).
MOST_ROWS = 1024
_KNOWN = "kinds of rows"
_PLACES = [f"c{number}" for number in range(WIDTHS[-1])]


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of rows: names of its columns, with the SQL types that only PostgreSQL needs, and statements that read
    them as ``rows.NAME``, from ``FROM rows``. Values are what JSON has, and bytes; a JSON column gets text.

    ``many``: there are often dozens of them, so all arrive as one row that lists them in JSON, and are taken apart in
    the database. Their values are no bytes.

    PostgreSQL updates a row once a statement, so a statement that may find a row for several of ``rows`` comes with
    the query that joins these, which SQLite does one by one.
    """

    number: int
    columns: Mapping[str, str]
    statements: tuple[tuple[str, str], ...]  # each with that query, or ""
    many: bool = False


# Rows of a kind, in the order in which kinds are to be taken in.
Rows = Iterable[tuple[Kind, Sequence[tuple[Any, ...]]]]


def execute_rows(connection: Connection, rows: Rows) -> None:
    """Takes all the rows in. Where no transaction is open everything is committed on return, or nothing was done."""
    raw = connection.connection.driver_connection
    if isinstance(raw, sqlite3.Connection):
        _execute_in_sqlite(connection, raw, [(kind, some) for kind, some in rows if some])
        return
    for kind, some in rows:
        if some:
            values = (json.dumps(list(some), default=_base64),)
            for statement, joined in kind.statements:
                connection.exec_driver_sql(_json_statement(kind, statement, joined), values)


def forget_kinds(connection: Connection) -> None:
    """After a rollback, which may have undone what was prepared for them."""
    connection.info.pop(_KNOWN, None)


def _execute_in_sqlite(
    connection: Connection, raw: sqlite3.Connection, rows: Sequence[tuple[Kind, Sequence[tuple[Any, ...]]]]
) -> None:
    rows = [(kind, [(json.dumps(some),)] if kind.many else some) for kind, some in rows]
    widest = max((len(some[0]) for _, some in rows), default=0)
    width = next(width for width in WIDTHS if width >= widest)
    _prepare(connection, raw, [kind for kind, _ in rows], width)
    given = [part for kind, some in rows for row in some for part in ((kind.number,), row, _FILL[width - len(row)])]
    if len(given) > 3 * MOST_ROWS and not connection.in_transaction():
        connection.begin()
    for begin in range(0, len(given), 3 * MOST_ROWS):
        parts = given[begin : begin + 3 * MOST_ROWS]
        height = _height(len(parts) // 3)
        fill = [0] * ((height - len(parts) // 3) * (width + 1))
        raw.execute(_insert(height, width), [*chain.from_iterable(parts), *fill])


# Of zeros: for each None the driver would look for an adapter, which takes as long as binding ten numbers.
_FILL = [(0,) * length for length in range(WIDTHS[-1] + 1)]


def _height(rows: int) -> int:
    """Groups have all sizes, prepared statements few: what lacks is filled with rows of no kind."""
    step = 1 << max((rows - 1).bit_length() - 3, 0)
    return -(-rows // step) * step


def _prepare(connection: Connection, raw: sqlite3.Connection, kinds: Iterable[Kind], width: int) -> None:
    known: set[tuple[int, int]] = connection.info.setdefault(_KNOWN, set())
    for kind in kinds:
        if (kind.number, width) not in known:
            places = ", ".join(f"0 AS {name}" for name in _PLACES[:width])
            raw.execute(f"CREATE TEMP VIEW IF NOT EXISTS arriving_{width} AS SELECT 0 AS kind, {places}")
            statements = "; ".join(_of_new_row(kind, statement) for statement, _ in kind.statements)
            raw.execute(
                f"CREATE TEMP TRIGGER IF NOT EXISTS take_{kind.number}_{width} INSTEAD OF INSERT ON arriving_{width}"
                f" WHEN NEW.kind = {kind.number} BEGIN {statements}; END"
            )
            known.add((kind.number, width))


def _of_new_row(kind: Kind, statement: str) -> str:
    if kind.many:
        listed = {name: f"json_extract(value, '$[{place}]')" for place, name in enumerate(kind.columns)}
        statement = statement.replace(" FROM rows", " FROM json_each(NEW.c0)")
        return re.sub(r"\brows\.(\w+)", lambda found: listed[found[1]], statement)
    places = dict(zip(kind.columns, _PLACES, strict=False))
    return re.sub(r"\brows\.(\w+)", lambda found: f"NEW.{places[found[1]]}", statement.replace(" FROM rows", ""))


@lru_cache(maxsize=64)
def _insert(height: int, width: int) -> str:
    line = f"({', '.join('?' * (width + 1))})"
    into = f"arriving_{width} (kind, {', '.join(_PLACES[:width])})"
    return f"INSERT INTO {into} VALUES {', '.join([line] * height)}"  # noqa: S608 - our own names


@lru_cache(maxsize=64)
def _json_statement(kind: Kind, statement: str, joined: str) -> str:
    values = ", ".join(f"{_from_json(place, of)} AS {name}" for place, (name, of) in enumerate(kind.columns.items()))
    source = f"SELECT {values} FROM json_array_elements(CAST($1::TEXT AS JSON))"  # noqa: S608 - our own names
    if joined:
        source = f"WITH rows AS ({source}) {joined}"
    return f"WITH rows AS ({source}) {statement}"


def _from_json(place: int, of: str) -> str:
    return f"decode(value ->> {place}, 'base64')" if of == "BYTEA" else f"CAST(value ->> {place} AS {of})"


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")
