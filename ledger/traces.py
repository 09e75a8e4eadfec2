"""After an erasure: what was deleted still stands in SQLite's write-ahead log until that is copied over and emptied.

Works from any process. PostgreSQL gives deleted rows' room back by VACUUM, which is its operator's affair
(docs/privacy.md).
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from ledger.engine import Place

PATIENCE_SECONDS = 10.0


async def shed_traces(place: Place) -> bool:
    """Whether the log of changes could be emptied: not while somebody is reading an older state for too long."""
    return await asyncio.to_thread(_checkpoint, place)


def _checkpoint(place: Place) -> bool:
    if place.path is None:
        return True
    with closing(sqlite3.connect(place.path, timeout=PATIENCE_SECONDS)) as connection:
        busy, _log, _moved = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
