"""``mailglass keys``: the signing keys of the installation."""

from __future__ import annotations

import typer

from ledger.keys import KeyFolderFault, list_keys, rotate
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, settings_from_file
from mailglass.commands.tables import print_rows
from mailglass.failures import ConfigurationAtFault

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Signing keys: old ones keep verifying for ever.",
)


@app.command("rotate")
def rotate_keys(config: Config = DEFAULT_CONFIG) -> None:
    """Make a new key that signs from now on.

    Running processes sign with it within seconds; the old ones keep verifying."""
    try:
        key_id = rotate(settings_from_file(config).keys_dir)
    except KeyFolderFault as fault:
        raise ConfigurationAtFault(str(fault)) from None
    typer.echo(f"Key {key_id} signs from now on; the others keep verifying.")


@app.command("list")
def show_keys(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show the keys: id, when made, and which one signs."""
    try:
        keys = list_keys(settings_from_file(config).keys_dir)
    except KeyFolderFault as fault:
        raise ConfigurationAtFault(str(fault)) from None
    rows = [{"id": key.id, "created_at": key.created_at, "signs": key.signs} for key in keys]
    print_rows(rows, ("id", "created_at", "signs"), as_json)
