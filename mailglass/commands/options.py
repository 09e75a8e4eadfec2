"""Options that several commands share, and what they stand for: the settings, the ledger, a way of printing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from config.faults import ConfigurationError
from config.load import load
from config.settings import Listener, Settings
from mailglass.failures import ConfigurationAtFault, WrongUse

DEFAULT_CONFIG = Path("relay.toml")
# typer would look itself whether the file can be read, and call it wrong use when it cannot.
Config = Annotated[Path, typer.Option("--config", help="the configuration file", show_default=True, readable=False)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table")]
ListenerName = Annotated[
    str, typer.Option("--listener", metavar="ADDRESS", help="which listener, by its bind or port; default: the first")
]


def settings_from_file(path: Path) -> Settings:
    """The checked settings. Raises ConfigurationAtFault with every fault on a line of its own."""
    try:
        return load(path, os.environ)
    except ConfigurationError as error:
        raise ConfigurationAtFault(complaint(path, error)) from None


def listener_named(settings: Settings, name: str) -> Listener:
    """The listener with that bind, or that port; without a name the first. Raises WrongUse with the names there are."""
    if not name:
        return settings.listener[0]
    found = [one for one in settings.listener if name in (one.bind, one.bind.rpartition(":")[2])]
    if len(found) == 1:
        return found[0]
    known = ", ".join(one.bind for one in found or settings.listener)
    raise WrongUse(
        f"more than one listener has port {name}: {known}" if found else f'no listener "{name}"; there is {known}'
    )


def complaint(path: Path, error: ConfigurationError) -> str:
    """All faults, one a line."""
    count = len(error.faults)
    heading = f"{path} is at fault:" if count == 1 else f"{path} has {count} faults:"
    return "\n".join([heading, *(f"  {fault}" for fault in error.faults)])
