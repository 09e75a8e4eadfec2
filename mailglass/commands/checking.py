"""``mailglass check``: is the configuration right, and with ``--online`` does the world agree with it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Annotated

import typer

from config.faults import ConfigurationError, Fault
from config.load import load
from config.warnings import warnings_about
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, complaint
from mailglass.commands.probing import look_everywhere
from mailglass.commands.tables import print_json, print_table
from mailglass.failures import ConfigurationAtFault, Failed
from mailglass.named_files import faults_of_files


def check(
    config: Config = DEFAULT_CONFIG,
    online: Annotated[bool, typer.Option("--online", help="try upstreams, ledger and public_url as well")] = False,
    as_json: AsJson = False,
) -> None:
    """Read the configuration and list every fault; with --online also connect, open and fetch."""
    try:
        settings = load(config, os.environ)
    except ConfigurationError as error:
        raise _at_fault(error.faults, complaint(config, error), as_json) from None
    if faults := [*faults_of_files(settings)]:
        raise _at_fault(faults, complaint(config, ConfigurationError(faults)), as_json)
    warnings = warnings_about(settings)
    findings = asyncio.run(look_everywhere(settings)) if online else []
    if as_json:
        print_json({"faults": [], "warnings": warnings, "findings": findings})
    else:
        typer.echo(f"{config} is fine.")
        for warning in warnings:
            typer.echo(f"mailglass: warning: {warning}", err=True)
        if findings:
            rows = [[f.what, "fine" if f.fine else "BROKEN", f.seen] for f in findings]
            print_table(rows, ("what", "", "seen"), whole=True)  # what is broken stands at the end of a line
    if not all(finding.fine for finding in findings):
        raise typer.Exit(Failed.status)


def _at_fault(faults: Sequence[Fault], told: str, as_json: bool) -> Exception:
    if not as_json:
        return ConfigurationAtFault(told)
    print_json({"faults": faults, "warnings": [], "findings": []})
    return typer.Exit(ConfigurationAtFault.status)
