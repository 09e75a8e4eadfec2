"""``mailglass consent …``, ``erase``, ``subject-export``: what recipients said, and what they may ask for."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ledger.consent_events import ConsentPurpose
from ledger.consents import ALL_PURPOSES
from ledger.people import ERASED, shown_name
from ledger.queries.consents import PersonRow, list_people
from ledger.queries.subjects import subject
from mailglass.commands.asking import ask
from mailglass.commands.consenting import consents_of, need_address, need_sender, operator
from mailglass.commands.importing import import_consents
from mailglass.commands.left_behind import left_behind, words_on_what_is_left
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, settings_from_file
from mailglass.commands.reading import reading, run_to_end
from mailglass.commands.subject_page import subject_page
from mailglass.commands.tables import counted, print_json, print_rows
from mailglass.commands.verifying import verify_lists
from mailglass.failures import Failed, WrongUse

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Who may be tracked, with proof."
)
Address = Annotated[str, typer.Argument(metavar="ADDRESS")]
Purposes = Annotated[
    list[ConsentPurpose] | None, typer.Option("--purpose", help="opens or links; both when it is not given")
]
app.command("ask")(ask)
app.command("import")(import_consents)
app.command("verify")(verify_lists)


@app.command("add")
def add(
    address: Address,
    evidence: Annotated[str, typer.Option("--evidence", help="where the proof lies")],
    purpose: Purposes = None,
    sender: Annotated[
        str, typer.Option("--sender", help="for this sender's mail alone; takes back a no to this sender")
    ] = "",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Record a consent that was given elsewhere; it counts at once. A no to one sender stays: only their own
    confirmation or a consent recorded for that --sender ends it."""
    need_address(address)
    need_sender("--sender", sender)
    purposes = purpose or ALL_PURPOSES

    async def work() -> dict[str, list[str]]:
        left: dict[str, list[str]] = {}
        async with consents_of(settings_from_file(config)) as consents:
            await consents.add(address, purposes, evidence, actor=operator(), sender=sender)
            for one in purposes:
                for name in dict.fromkeys(map(shown_name, filter(None, await consents.noes(address, [one])))):
                    left.setdefault(name, []).append(one.value)
        return left

    try:
        still_no_to = run_to_end(work())
    except ValueError as error:
        raise WrongUse(str(error)) from None
    typer.echo(f"Recorded: {', '.join(purposes)}.")
    for one, about in still_no_to.items():
        hint = "" if one == ERASED else f", unless they agreed to it: --sender {one}"
        typer.echo(f"They said no to {' and '.join(about)} in mail from {one}; that stays{hint}")


@app.command("withdraw")
def withdraw(
    address: Address,
    purpose: Purposes = None,
    how: Annotated[str, typer.Option("--how", help="by which way it came: reply, phone, letter")] = "command",
    sender: Annotated[str, typer.Option("--sender", help="only from this sender's mail")] = "",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Withdraw: effective at once, also for mail already delivered."""
    need_address(address)
    need_sender("--sender", sender)

    async def work() -> int:
        async with consents_of(settings_from_file(config)) as consents:
            return await consents.withdraw(address, purpose or ALL_PURPOSES, sender, how, operator())

    copies = run_to_end(work())
    typer.echo(f"Withdrawn. Nothing more is recorded for {counted(copies, 'delivered copy', 'delivered copies')}.")


@app.command("list")
def show(
    search: Annotated[str, typer.Option("--search", help="part of the address")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 1000,
    config: Config = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show people and where they stand."""
    settings = settings_from_file(config)

    async def work() -> list[dict[str, object]]:
        async with reading(settings) as reader, reader.read() as connection:
            valid = settings.privacy.consent_valid
            people = await list_people(connection, datetime.now(UTC), valid, limit=limit, search=search)
        return [_shown(one) for one in people]

    print_rows(run_to_end(work()), ("address", "opens", "links", "not_from", "only_from", "last_event_at"), as_json)


def erase(
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask (without a terminal nothing is asked)")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Erase what was recorded about a person. Links in their mail work on; they are not tracked again."""
    need_address(address)
    settings = settings_from_file(config)
    # Whoever calls this from a program has decided already, and nobody is there to answer.
    asks = sys.stdin.isatty() and not yes
    if asks and not typer.confirm(f"Erase all that was recorded about {address}? It cannot be undone."):
        raise Failed("nothing was erased")

    async def work() -> tuple[int, int, list[Path]]:
        async with consents_of(settings) as consents:
            erased = await consents.erase(address, operator())
        return erased.messages, erased.hits, await left_behind(settings, address)

    messages, hits, left = run_to_end(work())
    typer.echo(f"Erased: the address from {counted(messages, 'message')}, and {counted(hits, 'hit')}.")
    for line in words_on_what_is_left(left, settings):
        typer.echo(line)


def subject_export(
    address: Address,
    html: Annotated[Path | None, typer.Option("--html", help="write a page for reading to this file too")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Print all that is kept about a person as JSON."""
    need_address(address)
    settings = settings_from_file(config)

    async def work() -> dict[str, object]:
        async with consents_of(settings) as consents:
            key = consents.key_of(address)
            async with consents.ledger.read() as connection:
                found = await subject(connection, key, address)
            await consents.note(operator(), "subject-export", key.hex(), len(found.messages))
        return {
            "address": found.address,
            "exported_at": datetime.now(UTC),
            "kept_for": f"{settings.privacy.keep_hits.days} days",
            "messages": [asdict(one) for one in found.messages],
            "consents": [asdict(one) for one in found.consents],
            "texts": found.texts,
        }

    exported = run_to_end(work())
    if html is not None:
        _write_privately(html, subject_page(exported))
    print_json(exported)


def restrict(
    address: Address,
    lift: Annotated[bool, typer.Option("--lift", help="end the restriction")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Restrict processing: what is there stays, nothing is added while it lasts."""
    need_address(address)

    async def work() -> None:
        async with consents_of(settings_from_file(config)) as consents:
            await consents.restrict(address, not lift, operator())

    run_to_end(work())
    typer.echo("The restriction was lifted." if lift else "Restricted: nothing more is recorded.")


def _write_privately(path: Path, text: str) -> None:
    """Mode 0600 whatever the umask, also for a file that was there: what is in it is for one person."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, 0o600)
        file.write(text)


def _shown(one: PersonRow) -> dict[str, object]:
    standings = {purpose.value: standing.value for purpose, standing in one.standings.items()}
    alone = {"not_from": one.not_from, "only_from": one.only_from}
    return {"address": one.address, "last_event_at": one.last_event_at, **standings, **alone}
