"""The Set-up page: this installation's own values for each mail client, a test, and how its parts are."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from config.settings import host_and_port, is_loopback
from pixel_server.dashboard.client_recipes import recipes, servers
from pixel_server.dashboard.hosts import split_host
from pixel_server.dashboard.keys import DESK, READER, WORDING, Desk
from pixel_server.dashboard.probe import send_test
from pixel_server.dashboard.rendering import page
from pixel_server.dashboard.wording import Wording

LOW_DISK = 500_000_000
LOOK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Part:
    """How one part of the installation is."""

    name: str
    well: bool
    text: str


async def show_set_up(request: web.Request, told: tuple[bool, str] | None = None) -> web.Response:
    desk, words = request.app[DESK], request[WORDING]
    host = split_host(request.headers.get("Host", ""))[0]
    listed = servers(desk.settings, host)
    first = request[READER].account.addresses
    return await page(
        request,
        "set_up.html",
        servers=listed,
        recipes=recipes(listed[0], words._),
        parts=await asyncio.gather(_relay(desk, words), _pixel(desk, words), _ledger(desk, words), _disk(desk, words)),
        told=told,
        sandboxed=desk.settings.sandboxed,
        needs_login=listed[0].login != "none",
        address=first[0] if first else "you@example.com",
        local=is_loopback(split_host(desk.settings.tracking.public_url.partition("://")[2].partition("/")[0])[0]),
        public_url=desk.settings.tracking.public_url,
    )


async def send(request: web.Request) -> web.Response:
    form = await request.post()
    sender, to = str(form.get("from", "")).strip(), str(form.get("to", "")).strip()
    if not _is_address(sender) or not _is_address(to):
        return await show_set_up(request, (False, request[WORDING]._("Please give two mail addresses.")))
    login, password = str(form.get("login", ""))[:200], str(form.get("password", ""))[:1000]
    listener = request.app[DESK].settings.listener[0]
    return await show_set_up(request, await send_test(listener, sender, to, login, password))


def _is_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not set(text) & set(' <>,;:"')
    return bool(local and at and domain) and plain and len(text) < 255


async def _relay(desk: Desk, words: Wording) -> Part:
    host, port = host_and_port(desk.settings.listener[0].bind)
    host = host if host not in ("", "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - we connect, nobody binds
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            greeting = await reader.readline()
            writer.write(b"QUIT\r\n")
            writer.close()
    except (OSError, TimeoutError):
        return Part(words._("Relay"), False, words._("does not answer at %(place)s") % {"place": f"{host}:{port}"})
    return Part(words._("Relay"), greeting.startswith(b"220"), greeting.decode("utf-8", "replace").strip()[:120])


async def _pixel(desk: Desk, words: Wording) -> Part:
    public = desk.settings.tracking.public_url
    name = words._("Pixel server")
    try:
        timeout = aiohttp.ClientTimeout(total=LOOK_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{public}/healthz") as answer:
            return Part(name, answer.status == 200, f"{public} · {answer.status}")
    except (aiohttp.ClientError, TimeoutError, OSError):
        return Part(name, False, words._("does not answer at %(place)s") % {"place": public})


async def _ledger(desk: Desk, words: Wording) -> Part:
    fault = desk.ledger.fault
    return Part(words._("Ledger"), fault is None, fault or words._("takes changes"))


async def _disk(desk: Desk, words: Wording) -> Part:
    try:
        free = shutil.disk_usage(desk.settings.data_dir).free
    except OSError:
        return Part(words._("Disk"), False, words._("cannot be looked at"))
    return Part(words._("Disk"), free > LOW_DISK, words._("%(size)s free") % {"size": words.size(free)})


ROUTES = (
    web.get("/set-up", show_set_up),
    web.post("/set-up/test", send),
)
