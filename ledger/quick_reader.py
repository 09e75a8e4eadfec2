"""Short questions that each message asks, on one plain connection in a thread of its own. For SQLite.

SQLAlchemy's asynchronous face takes 0.7 ms of CPU for what SQLite answers in a small part of that: several hops to
another thread and back, with a greenlet for each. Here it is one. Cannot change anything. Knows no table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ledger.engine import READING_BUSY_MILLISECONDS
from ledger.work_thread import WorkThread

# Each number of keys is another text, and a long one takes megabytes: Python's 128 would be up to 270 MB.
KEPT_STATEMENTS = 2

_Question = tuple[str, Sequence[Any]]


class QuickReader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: WorkThread | None = None  # made for the first question: most processes ask none
        self._connection: sqlite3.Connection | None = None

    async def rows(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """All rows of a short answer, as of this moment. Raises sqlite3.Error."""
        if self._thread is None:
            self._thread = WorkThread("ledger questions")
        return await self._thread.run(self._ask, (statement, values))

    def forget(self) -> None:
        """Whatever is asked from here on is asked of the file that is at the path then."""
        if self._thread is not None:
            self._thread.run(self._drop, None)  # in its turn: nobody has to wait for it

    async def close(self) -> None:
        if self._thread is not None:
            await self._thread.run(self._drop, None)
            self._thread.close()
            self._thread = None

    # In the thread

    def _ask(self, question: _Question) -> list[tuple[Any, ...]]:
        statement, values = question
        try:
            if self._connection is None:
                self._connection = self._open()
            # To the last row: an answer that is left unfinished keeps the log of changes from being cut.
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error:
            self._drop(None)  # the next question opens it anew, so that a repaired file is found
            raise

    def _open(self) -> sqlite3.Connection:
        seconds = READING_BUSY_MILLISECONDS / 1000
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode=rw",
            timeout=seconds,
            isolation_level=None,
            uri=True,
            cached_statements=KEPT_STATEMENTS,
        )
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _drop(self, _nothing: None) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
