"""After ``mailglass erase``: which files still name the person, and why that is so or what to do."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from config.settings import Settings
from ledger.engine import place_of
from ledger.people import spellings
from ledger.traces import files_naming, pack
from mailglass.commands.tables import counted


async def left_behind(settings: Settings, address: str) -> list[Path]:
    """Files of the data folder that name the person. A ledger that still does is written anew first.

    To be called when this process has closed the ledger (see ``files_naming``).
    """
    folder, forms, place = settings.data_dir, spellings(address), place_of(settings)
    left = await asyncio.to_thread(files_naming, folder, forms)
    if place.path is not None and any(one.name.startswith(place.path.name) for one in left):
        try:
            await pack(place)
        except sqlite3.Error:
            return left
        left = await asyncio.to_thread(files_naming, folder, forms)
    return left


def words_on_what_is_left(left: Sequence[Path], settings: Settings) -> list[str]:
    waiting = [path for path in left if settings.spool_dir in path.parents]
    lines = []
    if waiting:
        lines.append(
            f"Mail to them still waits in {counted(len(waiting), 'file')} of {settings.spool_dir}; "
            "each goes when it is delivered."
        )
    others = [path for path in left if path not in waiting]
    if others:
        lines.append("These files still name them, look at each: " + ", ".join(map(str, others)))
    return lines
