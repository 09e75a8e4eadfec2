"""``mailglass run``, ``relay``, ``pixel-server``, ``dashboard``: the processes that serve."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from mailglass import lean_start  # noqa: F401 - works by being imported before what follows
from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.greeting import command_for, greeting
from mailglass.instance_lock import only_instance
from mailglass.log_output import send_log_to_stderr
from mailglass.services import Installation, Part, Started, serve

try:
    from uvloop import new_event_loop as _uvloop

    _new_loop: Callable[[], Any] | None = _uvloop
except ImportError:  # where there is none, asyncio's own loop does
    _new_loop = None


def run(config: Config = DEFAULT_CONFIG) -> None:
    """Relay, pixel server and dashboard in one process; Ctrl-C or SIGTERM stops them gracefully."""
    _serve(config, frozenset(Part))


def relay(config: Config = DEFAULT_CONFIG) -> None:
    """The SMTP side alone."""
    _serve(config, frozenset({Part.RELAY}))


def pixel_server(
    config: Config = DEFAULT_CONFIG,
    worker: Annotated[bool, typer.Option("--worker", hidden=True, help="one of several that share the port")] = False,
) -> None:
    """The public HTTP side alone: pixels, links, recipients' pages."""
    _serve(config, frozenset({Part.PIXEL_SERVER}), is_worker=worker)


def dashboard(config: Config = DEFAULT_CONFIG) -> None:
    """The private pages alone."""
    _serve(config, frozenset({Part.DASHBOARD}))


def _serve(config: Path, parts: frozenset[Part], is_worker: bool = False) -> None:
    settings = settings_from_file(config)
    send_log_to_stderr(settings.log)
    command = command_for(sys.argv[0], config, Path.cwd())

    def announce(started: Started) -> None:
        if not is_worker:
            typer.echo(
                greeting(
                    settings,
                    started.listeners,
                    started.pixel_server,
                    started.dashboard,
                    started.first_account_path,
                    command,
                )
            )
            sys.stdout.flush()

    locked = () if is_worker else sorted(parts)
    with only_instance(settings.data_dir, locked), asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(serve(Installation(settings, config, parts, is_worker), announce))
