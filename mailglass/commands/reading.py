"""How a command reads or changes the ledger while the installation may be running beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from config.settings import Settings
from config.units import parse_duration
from ledger import maintenance
from ledger.access import Ledger
from ledger.engine import place_of
from ledger.faults import LedgerFault
from ledger.message_id import MessageId, parse_message_id
from ledger.reading import LedgerReader
from ledger.shared import open_ledger
from mailglass.failures import Failed

T = TypeVar("T")


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[LedgerReader]:
    """The ledger for questions only; an empty one is made when there is none, so that nothing is an empty answer."""
    if not await maintenance.exists(place_of(settings)):
        async with changing(settings):
            pass
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
    """Raises Failed for what is no id."""
    message_id = parse_message_id(text)
    if message_id is None:
        raise Failed(f'"{text}" is no message id; mailglass messages shows them')
    return message_id


def moment_from(text: str, now: datetime) -> datetime:
    """ "7d" is a week ago, "2026-01-31" midnight UTC. Raises Failed for anything else."""
    try:
        return now - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failed(f'"{text}" is no time; write it like "7d", "2026-01-31" or "2026-01-31T12:00+01:00"') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
