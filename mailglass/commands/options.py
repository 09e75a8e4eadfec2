"""Options that several commands share, and what they stand for: the settings, the ledger, a way of printing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from config.faults import ConfigurationError
from config.load import load
from config.settings import Settings
from mailglass.failures import ConfigurationAtFault

DEFAULT_CONFIG = Path("relay.toml")
Config = Annotated[Path, typer.Option("--config", help="the configuration file", show_default=True)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table")]


def settings_from_file(path: Path) -> Settings:
    """The checked settings. Raises ConfigurationAtFault with every fault on a line of its own."""
    try:
        return load(path, os.environ)
    except ConfigurationError as error:
        raise ConfigurationAtFault(complaint(path, error)) from None


def complaint(path: Path, error: ConfigurationError) -> str:
    """All faults, one a line."""
    count = len(error.faults)
    heading = f"{path} is at fault:" if count == 1 else f"{path} has {count} faults:"
    return "\n".join([heading, *(f"  {fault}" for fault in error.faults)])
