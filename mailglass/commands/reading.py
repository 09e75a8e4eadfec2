"""How a command reads or changes the ledger while the installation may be running beside it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from config.settings import Ledger as LedgerTable
from config.settings import Settings
from config.units import parse_duration
from ledger import maintenance
from ledger.access import Ledger
from ledger.engine import place_of
from ledger.faults import LedgerFault, LedgerUnavailable
from ledger.message_id import MessageId, parse_message_id
from ledger.migrations import HEAD
from ledger.reading import LedgerReader
from ledger.shared import open_ledger
from mailglass.failures import Failed, WrongUse

T = TypeVar("T")
LOOK_AGAIN_SECONDS = 0.5


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[LedgerReader]:
    """The ledger for questions only. Where there is none, an empty one elsewhere, for as long as it is read: nothing is
    an empty answer, and whoever only looks leaves no file that then belongs to them and not to the service."""
    if await is_there(settings):
        try:
            async with _reader_of(settings) as reader:
                yield reader
        except LedgerUnavailable:
            await _need_this_schema(settings)
            raise
        return
    with tempfile.TemporaryDirectory(prefix="mailglass-") as folder:
        empty = settings.model_copy(update={"data_dir": Path(folder), "ledger": LedgerTable()})
        async with changing(empty):
            pass
        async with _reader_of(empty) as reader:
            yield reader


async def until_there(settings: Settings) -> None:
    """Waits for the ledger, for commands that go on reading it."""
    while True:  # another process makes it: there is nothing that could wake us
        if await is_there(settings):
            return
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def is_there(settings: Settings) -> bool:
    return await maintenance.exists(place_of(settings))


async def _need_this_schema(settings: Settings) -> None:
    """Raises Failed when the reason is that another version of mailglass wrote the ledger."""
    found = await maintenance.version(place_of(settings))
    if found is None or found == HEAD:
        return
    what = f"the ledger has schema {found}, and this mailglass reads {HEAD}"
    raise Failed(what if found > HEAD else f"{what}: start it, or type mailglass ledger upgrade")


@asynccontextmanager
async def _reader_of(settings: Settings) -> AsyncIterator[LedgerReader]:
    reader = LedgerReader(settings)
    try:
        yield reader
    finally:
        await reader.close_reading()


@asynccontextmanager
async def changing(settings: Settings) -> AsyncIterator[Ledger]:
    """The ledger for changes too: through the running installation, or alone when there is none."""
    ledger = await open_ledger(settings)
    try:
        yield ledger
    finally:
        await ledger.close()


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Runs a command's work; what the ledger refuses becomes a plain line."""
    try:
        return asyncio.run(work)
    except LedgerFault as fault:
        raise Failed(str(fault)) from None


def message_id_from(text: str) -> MessageId:
    """Raises WrongUse for what is no id."""
    message_id = parse_message_id(text)
    if message_id is None:
        raise WrongUse(f'"{text}" is no message id; mailglass messages shows them')
    return message_id


def moment_from(text: str, now: datetime) -> datetime:
    """ "7d" is a week ago, "2026-01-31" midnight UTC. Raises WrongUse for anything else."""
    try:
        return now - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f'"{text}" is no time; write it like "7d", "2026-01-31" or "2026-01-31T12:00+01:00"') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
