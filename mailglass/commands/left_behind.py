"""After ``mailglass erase``: which files still name the person, and why that is so or what to do."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from config.settings import Settings
from ledger.access import Ledger
from ledger.people import spellings
from ledger.traces import files_naming, pack


async def left_behind(ledger: Ledger, address: str) -> list[Path]:
    """Files of the data folder that name the person. A ledger that still does is written anew first."""
    folder, forms = ledger.settings.data_dir, spellings(address)
    left = await asyncio.to_thread(files_naming, folder, forms)
    path = ledger.place.path
    if path is not None and any(one.name.startswith(path.name) for one in left):
        try:
            await pack(ledger.place)
        except sqlite3.Error:
            return left
        left = await asyncio.to_thread(files_naming, folder, forms)
    return left


def words_on_what_is_left(left: Sequence[Path], settings: Settings) -> list[str]:
    waiting = [path for path in left if settings.spool_dir in path.parents]
    lines = []
    if waiting:
        lines.append(
            f"Mail to them still waits in {len(waiting)} files of {settings.spool_dir}; each goes when it is delivered."
        )
    others = [path for path in left if path not in waiting]
    if others:
        lines.append("These files still name them, look at each: " + ", ".join(map(str, others)))
    return lines
