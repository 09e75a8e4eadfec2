"""``mailglass ledger``: the database itself. All of it may be typed while mailglass runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ledger import maintenance
from ledger.engine import Place, parse_place, place_of
from ledger.faults import LedgerFault
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, settings_from_file
from mailglass.commands.progress import is_watched, progress
from mailglass.commands.tables import counted, print_json
from mailglass.failures import Failed, WrongUse

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="The database behind everything."
)
T = TypeVar("T")


@app.command("upgrade")
def upgrade(config: Config = DEFAULT_CONFIG) -> None:
    """Bring the schema up to date (every start does that too)."""
    before, after = _run(maintenance.upgrade_ledger(place_of(settings_from_file(config))))
    typer.echo(f"The schema is {after} already." if before == after else f"Schema {before or 'none'} is now {after}.")


@app.command("check")
def check(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Look for damage."""
    place = _existing_place(config)
    faults = _run(maintenance.check(place))
    if as_json:
        print_json({"faults": faults})
    else:
        typer.echo("\n".join(faults) if faults else "The ledger is sound.")
    if faults:
        raise typer.Exit(Failed.status)


@app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="where to; must not exist yet", readable=False)],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Write a checked copy of one moment, under load too. The keys in data_dir/keys have to be kept as well."""
    place = _existing_place(config)
    try:
        _run(maintenance.backup(place, file))
    except FileExistsError:
        raise Failed(f"{file} exists already; nothing was overwritten") from None
    except OSError as fault:
        raise Failed(f"cannot write {file}: {fault.strerror or fault}") from None
    typer.echo(
        f"Backed up to {file} ({file.stat().st_size} bytes). Keep a copy of the keys too: keys/ beside the ledger."
    )


@app.command("copy")
def copy(
    to_url: Annotated[str, typer.Argument(metavar="TO_URL", help="sqlite:///FILE or postgresql://…; an empty one")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Copy everything into another, empty database."""
    source = _existing_place(config)
    try:
        target = parse_place(to_url, Path.cwd())
    except ValueError as fault:
        raise WrongUse(str(fault)) from None
    if target.path is not None and not target.path.parent.is_dir():  # as with backup: a folder typed wrong is none
        raise Failed(f"cannot write {target.path}: there is no folder for it")
    total = _run(maintenance.count_rows(source)) if is_watched() else 0
    with progress(total, "Copying") as advance:
        copied = _run(maintenance.copy_ledger(source, target, lambda _table, rows: advance(rows)))
    typer.echo(f"{counted(copied, 'row')} copied. To use it, set [ledger] url and start again.")


def _existing_place(config: Path) -> Place:
    place = place_of(settings_from_file(config))
    if place.path is not None and not place.path.exists():
        raise Failed(f"there is no ledger yet at {place.path}; mailglass run makes it")
    return place


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except LedgerFault as fault:
        raise Failed(str(fault)) from None
