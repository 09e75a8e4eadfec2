"""Joins the parts of an installation: what is built from what, in which order it starts, and in which it stops.

Started first is stopped last: the ledger outlives everything, links work before a mail with links can leave, and the
relay takes no new mail while the rest still answers for what it has.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

from aiohttp import web

from config.settings import Settings, host_and_port
from ledger.access import Ledger
from ledger.faults import LedgerFault
from ledger.first_account import offer_first_account
from ledger.keys import KeyFolderFault, LiveKeyRing
from ledger.outbox import Outbox
from ledger.retention import give_up_what_was_left
from ledger.shared import open_ledger
from mailglass.failures import ConfigurationAtFault, Failed
from mailglass.installation import Installation, Part, Started
from mailglass.neighbours import relay_neighbours
from mailglass.pixel_workers import PixelWorkers
from pixel_server.dashboard import app as dashboard_app
from pixel_server.dashboard.door import IDLE_SECONDS, Door
from pixel_server.public.app import PublicServer
from pixel_server.public.second_looks import SecondLooks
from pixel_server.public.signs.loading import SignsFault
from relay import wiring
from relay.circles import circles
from relay.sandbox import ROOM_FOR_REWRITING, Sandbox
from relay.spool_files import SpoolFault

DASHBOARD_GRACE_SECONDS = 2.0


async def serve(installation: Installation, announce: Callable[[Started], None]) -> None:
    """Starts the parts, announces where they are, and stops them at SIGTERM or SIGINT.

    Raises Failed and ConfigurationAtFault when a part cannot start.
    """
    asked_to_stop = _stop_signals()
    async with AsyncExitStack() as running:
        announce(await _start(installation, running))
        # What was built for starting stays until the end; looking through it again and again is waste.
        gc.collect()
        gc.freeze()
        await asked_to_stop.wait()


async def _start(installation: Installation, running: AsyncExitStack) -> Started:
    settings, parts, started = installation.settings, installation.parts, Started()
    try:
        keys = LiveKeyRing(settings.keys_dir)
        ledger = await open_ledger(settings)
        running.push_async_callback(ledger.close)
        # In every process: the one that writes may go, and another takes its place.
        looks = SecondLooks(settings, ledger)
        looks.start()
        running.push_async_callback(looks.close)
        if Part.PIXEL_SERVER in parts:
            await _start_pixel_server(installation, ledger, keys, running, started)
        if Part.DASHBOARD in parts:
            await _start_dashboard(settings, ledger, running, started)
        if Part.RELAY in parts:
            await _start_relay(settings, ledger, keys, running, started)
    except (KeyFolderFault, wiring.ConfigurationFault) as fault:
        raise ConfigurationAtFault(str(fault)) from None
    except SignsFault as fault:
        raise ConfigurationAtFault(f"hits.networks_file: {fault}") from None
    except LedgerFault as fault:
        raise Failed(str(fault)) from None
    return started


async def _start_pixel_server(
    installation: Installation, ledger: Ledger, keys: LiveKeyRing, running: AsyncExitStack, started: Started
) -> None:
    settings = installation.settings
    several = settings.pixel_server.workers > 1
    server = PublicServer(settings, ledger, keys.current)
    with _listening_on(settings.pixel_server.bind):
        await server.start(reuse_port=several)
    running.push_async_callback(server.close)
    started.pixel_server = (host_and_port(settings.pixel_server.bind)[0], server.port)
    if several and not installation.is_worker:
        workers = PixelWorkers(installation.config, settings.pixel_server.workers - 1)
        workers.start()
        running.push_async_callback(workers.stop)


async def _start_dashboard(settings: Settings, ledger: Ledger, running: AsyncExitStack, started: Started) -> None:
    runner = web.AppRunner(
        dashboard_app.build(settings, ledger),
        access_log=None,
        keepalive_timeout=IDLE_SECONDS,
        shutdown_timeout=DASHBOARD_GRACE_SECONDS,
    )
    await runner.setup()
    running.push_async_callback(runner.cleanup)
    assert runner.server is not None
    door = Door(runner.server, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    host, port = host_and_port(settings.dashboard.bind)
    with _listening_on(settings.dashboard.bind):
        server = await asyncio.get_running_loop().create_server(door, host or None, port)
    running.callback(server.close)
    started.dashboard = (host, int(server.sockets[0].getsockname()[1]))
    try:
        started.first_account_path = await offer_first_account(ledger)
    except LedgerFault:
        started.first_account_path = None  # told in the log already; it is offered at the next start


async def _start_relay(
    settings: Settings, ledger: Ledger, keys: LiveKeyRing, running: AsyncExitStack, started: Started
) -> None:
    for name, bind in (await circles(settings)).items():
        raise ConfigurationAtFault(f"upstream.{name}: it is the listener {bind} of this very relay")
    sandbox = Sandbox(Outbox(settings.outbox_dir), settings.limits.message_size + ROOM_FOR_REWRITING)
    if settings.sandboxed:
        await sandbox.start()
        running.push_async_callback(sandbox.stop)
    server = wiring.build(settings, relay_neighbours(settings, ledger, keys, lambda: sandbox.port))
    running.push_async_callback(server.stop)
    before = ledger.clock()
    with _listening_on(", ".join(listener.bind for listener in settings.listener)):
        try:
            await server.start()
        except SpoolFault as fault:
            raise ConfigurationAtFault(f"data_dir: {settings.spool_dir} cannot be read: {fault.strerror}") from None
    await give_up_what_was_left(ledger, before, server.spooled)  # not before it is sure that no other relay works here
    started.listeners = [(str(port.hostname or ""), port.port) for port in server.ports]


@contextmanager
def _listening_on(bind: str) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        why = fault.strerror or str(fault)
        if (
            fault.errno is not None and fault.errno in errno.errorcode
        ):  # asyncio puts words of its own round the system's
            why = "the address is in use" if fault.errno == errno.EADDRINUSE else os.strerror(fault.errno)
        raise Failed(f"cannot listen on {bind}: {why}") from None


def _stop_signals() -> asyncio.Event:
    """Set at the first SIGTERM or SIGINT; the second one ends the process at once."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        asked.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return asked
