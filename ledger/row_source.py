"""Many rows in one statement: a common table expression ``rows`` out of one JSON parameter, for both databases.

One statement with many rows instead of one for each: SQLite's driver gives Python's interpreter lock up at every step
and has to win it back from a busy event loop, which made a group of thirty hits a hundred times slower than its work.
Everything in the one step runs beside Python.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

# Column names of ``rows`` with their SQL types, which only PostgreSQL needs.
Columns = Mapping[str, str]


def execute_rows(connection: Connection, columns: Columns, body: str, rows: Iterable[Sequence[Any]]) -> None:
    """Runs ``body``, which reads ``rows``. Values are what JSON has; a JSON column gets text."""
    statement = _statement(connection.dialect.name, tuple(columns.items()), body)
    values = (json.dumps(list(rows)),)
    raw = connection.connection.driver_connection
    if isinstance(raw, sqlite3.Connection):
        raw.execute(statement, values)  # what SQLAlchemy does for a statement costs more than a small group of hits
    else:
        connection.exec_driver_sql(statement, values)


@lru_cache(maxsize=64)
def _statement(dialect: str, columns: tuple[tuple[str, str], ...], body: str) -> str:
    if dialect == "sqlite":
        values = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, (name, _) in enumerate(columns))
        source = f"SELECT {values} FROM json_each(?)"  # noqa: S608 - our own column names
    else:
        values = ", ".join(f"CAST(value ->> {place} AS {kind}) AS {name}" for place, (name, kind) in enumerate(columns))
        source = f"SELECT {values} FROM json_array_elements(CAST($1::TEXT AS JSON))"  # noqa: S608
    return f"WITH rows AS ({source}) {body}"
