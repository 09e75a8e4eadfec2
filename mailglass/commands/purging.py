"""``mailglass purge``: what has to go with time goes at once, instead of within the hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from config.units import parse_duration
from ledger.retention import Forgotten, forget
from ledger.retention import purge as purge_hits
from ledger.traces import shed_traces
from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.commands.reading import changing, run_to_end
from mailglass.commands.tables import counted
from mailglass.failures import WrongUse


def purge(
    older_than: Annotated[str | None, typer.Option("--older-than", help='"30d"; default: [privacy] keep_hits')] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Delete what has had its time: hits (counts stay), recipients of old messages, evidence of consents that ended
    long ago. Links redirect for ever. With --older-than hits alone."""
    settings = settings_from_file(config)
    keep = _span(older_than) if older_than else None

    async def work() -> tuple[int, Forgotten]:
        async with changing(settings) as ledger:
            purged = await purge_hits(ledger, keep)
            forgotten = Forgotten(0, 0) if keep is not None else await forget(ledger)
            await shed_traces(ledger.place)
            return purged, forgotten

    purged, forgotten = run_to_end(work())
    typer.echo(f"{counted(purged, 'hit')} purged.")
    if forgotten.messages or forgotten.evidence:
        messages, events = counted(forgotten.messages, "message"), counted(forgotten.evidence, "event")
        typer.echo(f"Forgotten: the recipients of {messages}, the evidence of {events}.")


def _span(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as fault:
        raise WrongUse(str(fault)) from None
