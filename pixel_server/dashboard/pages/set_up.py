"""The Set-up page: this installation's own values for each mail client, a test, and how its parts are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from config.settings import Settings, is_loopback
from ledger.message_id import parse_message_id
from ledger.queries.messages import message_detail
from ledger.queries.rows import MessageRow
from pixel_server.dashboard.client_recipes import Server, recipes, servers
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


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the fields of the test's form. ``listener`` is a place in the list of them; the mail programs'
    values are those of the same one."""

    sender: str
    to: str
    login: str
    listener: int


async def show_set_up(
    request: web.Request, told: tuple[bool, str] | None = None, typed: Typed | None = None
) -> web.Response:
    desk, words = request.app[DESK], request[WORDING]
    host = split_host(request.headers.get("Host", ""))[0]
    listed = servers(desk.settings, host)
    test = await _find_test(request)
    if typed is None:
        typed = _usually_typed(request, test, listed)
    return await page(
        request,
        "set_up.html",
        servers=listed,
        binds=[listener.bind for listener in desk.settings.listener],
        recipes=recipes(listed[typed.listener], words._),
        # A page that follows a test asks for itself at each hit: nobody's server is knocked at for that.
        parts=[] if "X-Live" in request.headers else await look_at_parts(desk, words),
        test=test,
        told=told,
        sandboxed=desk.settings.sandboxed,
        needs_login=any(server.login != "none" for server in listed),
        typed=typed,
        local=is_loopback(split_host(desk.settings.tracking.public_url.partition("://")[2].partition("/")[0])[0]),
        public_url=desk.settings.tracking.public_url,
    )


async def send(request: web.Request) -> web.Response:
    form = await request.post()
    settings = request.app[DESK].settings
    typed = Typed(
        str(form.get("from", "")).strip()[:300],
        str(form.get("to", "")).strip()[:300],
        str(form.get("login", ""))[:200],
        _listener_named(settings, str(form.get("listener", ""))),
    )
    if not is_mail_address(typed.sender) or not is_mail_address(typed.to):
        return await show_set_up(request, (False, request[WORDING]._("Please give two mail addresses.")), typed)
    listener, password = settings.listener[typed.listener], str(form.get("password", ""))[:1000]
    taken, reply = await send_test(listener, typed.sender, typed.to, typed.login, password)
    note = _NOTE.search(reply)
    if taken and note and await _may_see(request, note[1]):
        chosen = "&" + urlencode({"listener": listener.bind}) if typed.listener else ""
        raise web.HTTPSeeOther(f"/set-up?test={note[1]}{chosen}#test")
    return await show_set_up(request, (taken, reply), typed)


def _listener_named(settings: Settings, bind: str) -> int:
    """The place of the listener with that bind; the first one's for a name that is none."""
    binds = [listener.bind for listener in settings.listener]
    return binds.index(bind) if bind in binds else 0


def _usually_typed(request: web.Request, test: Test | None, listed: Sequence[Server]) -> Typed:
    """What was in the test that is looked at, else an address of one's own."""
    account = request[READER].account
    own = account.addresses[0] if account.addresses else "you@example.com"
    at = _listener_named(request.app[DESK].settings, request.query.get("listener", ""))
    login = account.name if listed[at].login == "account" else ""
    if test is None:
        return Typed(own, own, login, at)
    message = test.message
    sender, to = message.sender, message.recipients[0] if message.recipients else ""
    return Typed(sender if is_mail_address(sender) else own, to if is_mail_address(to) else own, login, at)


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
