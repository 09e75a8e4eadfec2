"""The Set-up page: this installation's own values for each mail client, a test, and how its parts are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from config.settings import is_loopback
from ledger.message_id import parse_message_id
from ledger.queries.messages import message_detail
from ledger.queries.rows import MessageRow
from pixel_server.dashboard.client_recipes import recipes, servers
from pixel_server.dashboard.hosts import split_host
from pixel_server.dashboard.keys import DESK, READER, WORDING
from pixel_server.dashboard.parts import look_at_parts
from pixel_server.dashboard.preferences import is_mail_address
from pixel_server.dashboard.probe import send_test
from pixel_server.dashboard.rendering import page

_NOTE = re.compile(r"\[mailglass ([0-9A-Z]{26})[:\]]")
_FILED = re.compile(r"filed in the outbox as ([0-9A-Z]{26})")


@dataclass(frozen=True, slots=True)
class Test:
    """A test that the relay took: its message as the ledger has it, and where the sandbox filed it."""

    message: MessageRow
    letter: str


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
        parts=await look_at_parts(desk, words),
        test=await _find_test(request),
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
    if not is_mail_address(sender) or not is_mail_address(to):
        return await show_set_up(request, (False, request[WORDING]._("Please give two mail addresses.")))
    login, password = str(form.get("login", ""))[:200], str(form.get("password", ""))[:1000]
    listener = request.app[DESK].settings.listener[0]
    taken, reply = await send_test(listener, sender, to, login, password)
    note = _NOTE.search(reply)
    if taken and note and await _may_see(request, note[1]):
        raise web.HTTPSeeOther(f"/set-up?test={note[1]}#test")
    return await show_set_up(request, (taken, reply))


async def _find_test(request: web.Request) -> Test | None:
    message = await _may_see(request, request.query.get("test", ""))
    if message is None:
        return None
    viewer, filed = request[READER].viewer, _FILED.search(message.reply)
    # The outbox knows senders and no logins: a member's test from another address is not theirs to read there.
    may_read = viewer.admin or message.sender in {address.lower() for address in viewer.addresses}
    return Test(message, filed[1] if filed and may_read else "")


async def _may_see(request: web.Request, written: str) -> MessageRow | None:
    message_id = parse_message_id(written)
    if message_id is None:
        return None
    async with request.app[DESK].ledger.read() as connection:
        detail = await message_detail(connection, request[READER].viewer, message_id)
    return detail.message if detail else None


ROUTES = (
    web.get("/set-up", show_set_up),
    web.post("/set-up/test", send),
)
