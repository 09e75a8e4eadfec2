"""``mailglass consent import``: consents that were given elsewhere, by the list. A no stays a no.

The whole list is read before its first row counts. Whoever is interrupted hears how far it came and types the same
again: what an earlier import recorded is not recorded twice.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ledger.consents import IMPORTED, Consents
from ledger.faults import LedgerFault
from mailglass.commands.consent_table import ConsentRow, TableFault, rows_of
from mailglass.commands.consenting import consents_of, operator
from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.commands.progress import progress
from mailglass.commands.tables import counted
from mailglass.failures import Failed

# Changes that come together share one fsync of the ledger; a longer queue would keep hits and mail waiting behind it.
TOGETHER = 50


class Outcome(Enum):
    PROVEN, UNPROVEN, REFUSED, KNOWN = range(4)


def import_consents(
    file: Annotated[
        Path, typer.Argument(metavar="[FILE|-]", help="CSV: address, method, evidence[, purposes]", readable=False)
    ] = Path("-"),
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Import consents from CSV. Rows without method and evidence count as asked, which opens nothing; who
    said no is left out, since a list does not tell when it was written."""
    settings = settings_from_file(config)
    rows = _read(file)
    outcomes: list[Outcome] = []

    async def work() -> None:
        async with consents_of(settings) as consents:
            with progress(len(rows), "Importing") as advance:
                for start in range(0, len(rows), TOGETHER):
                    some = rows[start : start + TOGETHER]
                    await _record(consents, some, outcomes)
                    advance(len(some))

    try:
        asyncio.run(work())
    except LedgerFault as fault:
        raise Failed(f"{fault}{_how_far(file, rows, outcomes)}") from None
    except KeyboardInterrupt:
        raise Failed(f"interrupted{_how_far(file, rows, outcomes)}") from None
    _tell(Counter(outcomes))


def _name_of(file: Path) -> str:
    return "standard input" if str(file) == "-" else str(file)


def _read(file: Path) -> list[ConsentRow]:
    try:
        return rows_of(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except OSError as fault:
        raise Failed(f"{file} cannot be read: {fault.strerror or fault}") from None
    except TableFault as fault:
        raise Failed(f"{_name_of(file)}, {fault}; nothing was imported") from None


async def _record(consents: Consents, rows: Sequence[ConsentRow], outcomes: list[Outcome]) -> None:
    """Adds what became of each row. Raises what the first that failed raised; what came before it is added."""
    actor = operator()
    turns: defaultdict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def one(row: ConsentRow) -> Outcome:
        # One person's rows come one after another, so that what one of them recorded is known to the next.
        async with turns[consents.key_of(row.address)]:
            return await recorded(row)

    async def recorded(row: ConsentRow) -> Outcome:
        if await consents.has_said_no(row.address, row.purposes):
            return Outcome.REFUSED
        if await consents.has_imported(row.address, row.purposes, row.proof):
            return Outcome.KNOWN
        if row.proof:
            await consents.add(row.address, row.purposes, row.proof, actor, IMPORTED)
            return Outcome.PROVEN
        await consents.add_unproven(row.address, row.purposes, actor)
        return Outcome.UNPROVEN

    # All are waited for, else the ledger would be closed under those that are on their way.
    for found in await asyncio.gather(*map(one, rows), return_exceptions=True):
        if isinstance(found, BaseException):
            raise found
        outcomes.append(found)


def _how_far(file: Path, rows: Sequence[ConsentRow], outcomes: Sequence[Outcome]) -> str:
    if len(outcomes) == len(rows):
        return "; every row is recorded"
    line = rows[len(outcomes)].line
    return (
        f"; {len(outcomes)} of {len(rows)} rows are recorded, those before line {line} of {_name_of(file)}:"
        " type the same again for the others"
    )


def _tell(count: Counter[Outcome]) -> None:
    proven, unproven, refused, known = (count[one] for one in Outcome)
    typer.echo(f"{counted(proven, 'consent')} with proof, {unproven} without: these count as asked.")
    if known:
        typer.echo(
            f"{counted(known, 'row')} stood in the register already and {'is' if known == 1 else 'are'} as before."
        )
    if refused:
        left_out = f"{refused} said no before and {'was' if refused == 1 else 'were'} left out"
        typer.echo(f"{left_out}; a consent given since is recorded by consent add.")
