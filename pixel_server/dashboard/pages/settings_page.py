"""The Settings page: one's own language, time zone, notifications, password and tokens; accounts for administrators."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from aiohttp import web

from ledger import accounts
from ledger.accounts import (
    LONGEST_NAME,
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    may_be_name,
    may_be_password,
    secret_hash,
)
from ledger.people import is_mailbox
from ledger.queries.accounts import AccountRow, account_with_id, list_accounts, list_tokens
from ledger.queries.notices import list_deliveries
from pixel_server.dashboard import sessions
from pixel_server.dashboard.bearer import READ, WRITE
from pixel_server.dashboard.keys import DESK, READER, WORDING
from pixel_server.dashboard.languages import codes
from pixel_server.dashboard.preferences import read_notifications
from pixel_server.dashboard.rendering import page
from pixel_server.dashboard.visitors import zone_named
from pixel_server.notify.mail import way_out

_NOTHING: Mapping[str, Any] = {}


async def show_settings(
    request: web.Request,
    complaint: str = "",
    token: str = "",
    status: int = 200,
    typed: Mapping[str, Any] = _NOTHING,
) -> web.Response:
    """``typed``: what stands in the fields after a complaint, by their names."""
    desk, reader = request.app[DESK], request[READER]
    async with desk.ledger.read() as connection:
        tokens = await list_tokens(connection, reader.account.id)
        everybody = await list_accounts(connection) if reader.account.admin else []
        deliveries = await list_deliveries(connection, reader.account.id)
    return await page(
        request,
        "settings.html",
        status=status,
        complaint=complaint,
        new_token=token,
        tokens=[one for one in tokens if one.revoked_at is None],
        accounts=everybody,
        deliveries=deliveries,
        may_use_services=may_use_services(request),
        may_send_mail=way_out(desk.settings) is not None,
        digest_hour=desk.settings.notifications.digest_hour,
        zones=sorted(available_timezones()),
        mine={**reader.account.preferences, **typed},
        typed=typed,
        saved=request.query.get("saved", ""),
        shortest=SHORTEST_PASSWORD,
    )


async def save_look(request: web.Request) -> web.Response:
    form = await request.post()
    code, zone = str(form.get("language", "")), str(form.get("zone", ""))
    return await _keep(
        request,
        {"language": code if code in codes() else "", "zone": zone if zone_named(zone) else ""},
    )


async def save_notifications(request: web.Request) -> web.Response:
    form = {name: str(value) for name, value in (await request.post()).items()}
    if not may_use_services(request):
        form.pop("apprise", None)
    wanted, complaint = read_notifications(form, request[WORDING]._)
    if complaint:
        typed: dict[str, Any] = form | {name: form.get(name) == "1" for name in ("browser", "email")}
        typed["apprise"] = form.get("apprise", "").splitlines()
        return await show_settings(request, complaint, status=422, typed=typed)
    return await _keep(request, wanted)


async def save_password(request: web.Request) -> web.Response:
    desk, reader, say = request.app[DESK], request[READER], request[WORDING]._
    form = await request.post()
    old, new = str(form.get("old", ""))[:LONGEST_PASSWORD], str(form.get("new", ""))
    if not may_be_password(new):
        complaint = say("A password needs at least %(count)s characters.") % {"count": SHORTEST_PASSWORD}
        return await show_settings(request, complaint, status=422)
    wait = desk.login_rate.take(f"account {reader.account.id}", time.monotonic())
    if wait:
        complaint = say("Too many attempts. Please wait a minute.")
        answer = await show_settings(request, complaint, status=429)
        answer.headers["Retry-After"] = str(math.ceil(wait))
        return answer
    if not await desk.passwords.verify(reader.account.password_hash, old):
        return await show_settings(request, say("The old password is not right."), status=403)
    await desk.ledger.write(accounts.set_password, reader.account.id, await desk.passwords.hash(new))
    response = _done("password")
    await sessions.begin(request, response, reader.account.id)  # all sessions ended, this browser's too
    return response


async def make_token(request: web.Request) -> web.Response:
    """The token is shown on this one answer, and never again."""
    desk, reader = request.app[DESK], request[READER]
    form = await request.post()
    scopes = [READ] if form.get("scope") == READ else [READ, WRITE]
    token = "mg_" + secrets.token_urlsafe(32)
    label = str(form.get("label", "")).strip()[:100]
    await desk.ledger.write(accounts.add_token, reader.account.id, secret_hash(token), label, scopes, desk.clock())
    return await show_settings(request, token=token)


async def revoke_token(request: web.Request) -> web.Response:
    desk, reader = request.app[DESK], request[READER]
    async with desk.ledger.read() as connection:
        mine = {one.id for one in await list_tokens(connection, reader.account.id)}
    number = request.match_info["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 18 and int(number) in mine):
        raise web.HTTPNotFound
    await desk.ledger.write(accounts.revoke_token, int(number), desk.clock())
    return _done("revoked")


async def add_account(request: web.Request) -> web.Response:
    _demand_administrator(request)
    desk, say = request.app[DESK], request[WORDING]._
    form = await request.post()
    typed = {name: str(value) for name, value in form.items() if name in ("name", "addresses", "admin")}
    name, password = str(form.get("name", "")).strip()[:LONGEST_NAME], str(form.get("password", ""))
    addresses = [one.strip().lower() for one in str(form.get("addresses", ""))[:2000].split(",") if one.strip()]
    if not (may_be_name(name) and may_be_password(password)):
        complaint = say("Please give a name, and a password of at least %(count)s characters.")
        return await show_settings(request, complaint % {"count": SHORTEST_PASSWORD}, status=422, typed=typed)
    if wrong := [one for one in addresses if not is_mailbox(one)]:
        complaint = say("“%(address)s” is no address. Write addresses alone, with commas between.")
        return await show_settings(request, complaint % {"address": wrong[0]}, status=422, typed=typed)
    hashed = await desk.passwords.hash(password)
    admin = form.get("admin") == "1"
    made = await desk.ledger.write(accounts.add_account, name, hashed, admin, addresses, desk.clock())
    if made is None:
        return await show_settings(request, say("There is an account of that name already."), status=422, typed=typed)
    return _done("added")


async def remove_account(request: web.Request) -> web.Response:
    _demand_administrator(request)
    account = await _account_of(request)
    if account.id == request[READER].account.id:
        return await show_settings(request, request[WORDING]._("You cannot remove your own account."), status=422)
    if await request.app[DESK].ledger.write(accounts.remove_account, account.id) is None:
        complaint = request[WORDING]._("The last administrator cannot be removed.")
        return await show_settings(request, complaint, status=422)
    return _done("removed")


def may_use_services(request: web.Request) -> bool:
    """Apprise reaches any address, inside too: that is not for everybody to say."""
    return request[READER].account.admin or request.app[DESK].settings.dashboard.private_webhooks


def _demand_administrator(request: web.Request) -> None:
    if not request[READER].account.admin:
        raise web.HTTPForbidden


async def _account_of(request: web.Request) -> AccountRow:
    number = request.match_info["number"]
    if not (number.isascii() and number.isdigit() and len(number) < 18):
        raise web.HTTPNotFound
    async with request.app[DESK].ledger.read() as connection:
        account = await account_with_id(connection, int(number))
    if account is None:
        raise web.HTTPNotFound
    return account


async def _keep(request: web.Request, changes: dict[str, Any]) -> web.Response:
    account = request[READER].account
    await request.app[DESK].ledger.write(accounts.set_preferences, account.id, {**account.preferences, **changes})
    return _done("saved")


def _done(what: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/settings?saved={what}"})


ROUTES = (
    web.get("/settings", show_settings),
    web.post("/settings/look", save_look),
    web.post("/settings/notifications", save_notifications),
    web.post("/settings/password", save_password),
    web.post("/settings/tokens", make_token),
    web.post("/settings/tokens/{number}/revoke", revoke_token),
    web.post("/settings/accounts", add_account),
    web.post("/settings/accounts/{number}/remove", remove_account),
)
