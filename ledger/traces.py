"""After an erasure: what was deleted still stands in SQLite's write-ahead log until that is copied over and emptied.

Works from any process. PostgreSQL gives deleted rows' room back by VACUUM, which is its operator's affair
(docs/privacy.md).
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ledger.engine import Place
from ledger.people import naming

PATIENCE_SECONDS = 10.0
_CHUNK = 4 * 2**20
_OVERLAP = 4096  # longer than an address can be, in any spelling


async def shed_traces(place: Place) -> bool:
    """Whether the log of changes could be emptied: not while somebody is reading an older state for too long."""
    return await asyncio.to_thread(_checkpoint, place)


async def pack(place: Place) -> None:
    """Writes the database's file anew, with nothing in it but what is kept. Changes wait meanwhile. Raises
    sqlite3.Error when it cannot have the file for itself for a moment."""
    await asyncio.to_thread(_vacuum, place)


def files_naming(folder: Path, words: Sequence[str]) -> list[Path]:
    """The files under the folder that hold one of these addresses, whatever the case. Reads all of them.

    Not to be called while this process has the ledger open: whoever closes a file gives up all locks that their process
    holds on it, SQLite's too (sqlite.org/howtocorrupt.html, section 2.2).
    """
    wanted = naming(words)
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and _holds(path, wanted)]


def _holds(path: Path, wanted: re.Pattern[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            before = b""
            while chunk := file.read(_CHUNK):
                piece = before + chunk.lower()
                if wanted.search(piece):
                    return True
                before = piece[-_OVERLAP:]
    except OSError:
        pass  # a file that went meanwhile, or a socket
    return False


def _checkpoint(place: Place) -> bool:
    if place.path is None:
        return True
    with closing(sqlite3.connect(place.path, timeout=PATIENCE_SECONDS)) as connection:
        busy, _log, _moved = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _vacuum(place: Place) -> None:
    if place.path is not None:
        with closing(sqlite3.connect(place.path, timeout=PATIENCE_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
