"""``mailglass demo``: fills a ledger with a believable month, so that a newcomer sees every page alive."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.progress import track

from config.settings import Settings
from ledger.access import Ledger
from ledger.faults import LedgerUnavailable
from ledger.queries.activity import newest_moment
from ledger.queries.hits import newest_hit_seq
from ledger.records import Hit, State
from mailglass.commands.demo_month import Letter, month
from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.commands.reading import changing, run_to_end
from mailglass.failures import Failed

GROUP = 200
TRIES = 30


def demo(
    yes: Annotated[bool, typer.Option("--yes", help="also into a ledger that has hits already")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Fill the ledger with a month of invented mail and hits (addresses under example.com, .net and .org)."""
    settings = settings_from_file(config)
    if not settings.sandboxed:
        raise Failed("demo data belongs into a sandbox: no upstream here has sandbox = true")
    messages, hits, is_first = run_to_end(_fill(settings, yes))
    typer.echo(f"Added {messages} messages and {hits} hits of the last month.")
    if not is_first:
        typer.echo("Messages that were there before stand below them: lists go by the order in which mail came.")


async def _fill(settings: Settings, yes: bool) -> tuple[int, int, bool]:
    """How many messages and hits, and whether they are the first."""
    now = datetime.now(UTC)
    async with changing(settings) as ledger:
        async with ledger.read() as connection:
            if await newest_hit_seq(connection) and not yes:
                raise Failed("this ledger has hits already; --yes adds the demo's all the same")
            is_first = await newest_moment(connection) is None
        # Another month than one that may be there already: an id stands for one message.
        letters = list(month(now) if is_first else month(now, seed=int(now.timestamp())))
        for letter in track(letters, description="messages", transient=True):
            await _register(ledger, letter)
        hits: list[Hit] = sorted((hit for letter in letters for hit in letter.hits), key=lambda hit: hit.at)
        for start in range(0, len(hits), GROUP):
            await ledger.add_hits(hits[start : start + GROUP])
    return len(letters), len(hits), is_first


async def _register(ledger: Ledger, letter: Letter) -> None:
    """Mail would go out untracked after two seconds; here nobody waits for it, so a busy disk gets its time."""
    for _ in range(TRIES):
        with suppress(LedgerUnavailable):
            await ledger.register(letter.record)
            break
    else:
        raise Failed("the ledger takes no records")
    if letter.accepted_at is not None:
        await ledger.settle(letter.record.id, State.SENT, letter.record.reply, letter.accepted_at)
