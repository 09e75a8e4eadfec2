"""``mailglass run``, ``relay``, ``pixel-server``, ``dashboard``: the processes that serve."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from config.warnings import warnings_about
from mailglass.commands.options import DEFAULT_CONFIG, Config, settings_from_file
from mailglass.greeting import command_for, greeting
from mailglass.installation import Installation, Part, Started
from mailglass.instance_lock import only_instance
from mailglass.log_output import send_log_to_stderr

log = logging.getLogger("mailglass.configuration")
Serve = Callable[[Installation, Callable[[Started], None]], Coroutine[Any, Any, None]]


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
    _open_as_many_files_as_allowed()
    command = command_for(sys.argv[0], config, Path.cwd())

    def announce(started: Started) -> None:
        if not is_worker:
            typer.echo(greeting(settings, started, command))
            sys.stdout.flush()

    with only_instance(settings.data_dir, () if is_worker else sorted(parts)):
        if Part.RELAY in parts:
            for warning in warnings_about(settings):
                log.warning("%s", warning)
        serve, new_loop = _import_services()
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(serve(Installation(settings, config, parts, is_worker), announce))


OPEN_FILES = 65_536


def _open_as_many_files_as_allowed() -> None:
    """Each connection is one. The usual 1,024 are for programs that still use select(2), which is not asked for here;
    what is really allowed is the hard limit (setrlimit(2), systemd.exec(5) LimitNOFILE=)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # what there is has to do
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


# New objects before young garbage is looked for: some hundred connections, which end as rings of objects. Python's own
# 700 are seven connections; looking took a tenth of the time of short sessions.
GARBAGE = 10_000


def _import_services() -> tuple[Serve, Callable[[], Any] | None]:
    """Web server, database and mail libraries take a second: whoever has a fault to hear need not wait for them."""
    gc.disable()  # imports make little garbage and many objects; looking through them costs a tenth of the time
    import_module("mailglass.lean_start")
    serve: Serve = import_module("mailglass.services").serve
    try:
        new_loop = import_module("uvloop").new_event_loop
    except ImportError:  # where there is none, asyncio's own loop does
        new_loop = None
    gc.freeze()  # what was imported stays for ever: nobody need look through it again and again
    gc.set_threshold(GARBAGE, 20, 20)
    gc.enable()
    return serve, new_loop
