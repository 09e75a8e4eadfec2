"""Changes of any number of rows go over them in portions, inside the one transaction that they are.

What a statement changes SQLite keeps as it was until the statement has succeeded, in the memory of the process that
writes (ledger/engine.py): one over a million rows would take hundreds of MB of it. And PostgreSQL's driver takes no
more than 32,767 values a statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, select
from sqlalchemy.sql.elements import TextClause

PORTION = 2000


def portions_of(
    connection: Connection, key: Column[Any], which: ColumnElement[bool] | TextClause
) -> Iterator[Sequence[Any]]:
    """The keys of the rows that are so, in order. What was handed out may be changed or deleted meanwhile."""
    wanted = select(key).where(which).order_by(key).limit(PORTION)
    found = connection.execute(wanted).scalars().all()
    while found:
        yield found
        found = connection.execute(wanted.where(key > found[-1])).scalars().all()
