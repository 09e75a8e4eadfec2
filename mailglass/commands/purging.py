"""``mailglass purge``: hits whose time is up go at once, instead of within the hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from config.units import parse_duration
from ledger.retention import purge as purge_hits
from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.commands.reading import changing, run_to_end
from mailglass.failures import Failed


def purge(
    older_than: Annotated[str | None, typer.Option("--older-than", help='"30d"; default: [privacy] keep_hits')] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Delete hits whose time is up; counts stay, and links redirect for ever."""
    settings = settings_from_file(config)
    keep = _span(older_than) if older_than else None

    async def work() -> int:
        async with changing(settings) as ledger:
            return await purge_hits(ledger, keep)

    typer.echo(f"{run_to_end(work())} hits purged.")


def _span(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as fault:
        raise Failed(str(fault)) from None
