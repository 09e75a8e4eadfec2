"""Login, logout, and the first account by its one-time address."""

from __future__ import annotations

import math
import time

from aiohttp import web

from ledger.accounts import (
    LONGEST_NAME,
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    may_be_name,
    may_be_password,
    secret_hash,
    set_preferences,
    set_seen,
)
from ledger.first_account import is_first_secret, make_first_account
from ledger.queries.accounts import account_named, account_with_id
from ledger.queries.hits import newest_hit_seq
from pixel_server.dashboard import sessions
from pixel_server.dashboard.audit import note_deed, note_refused_login
from pixel_server.dashboard.keys import DESK, READER, WORDING
from pixel_server.dashboard.rendering import page
from pixel_server.dashboard.visitors import client_of, zone_named
from pixel_server.public.sources import source_of


async def show_login(request: web.Request) -> web.Response:
    if READER in request:
        raise web.HTTPSeeOther("/messages")
    lost = request.query.get("lost") == "1"
    complaint = request[WORDING]._("You were logged out, so nothing was changed. Please do it again.") if lost else ""
    following = safe_next(request.query.get("next", ""))
    return await page(request, "login.html", complaint=complaint, name="", next=following)


async def log_in(request: web.Request) -> web.Response:
    desk, say = request.app[DESK], request[WORDING]._
    form = await request.post()
    name, password = str(form.get("name", ""))[:200], str(form.get("password", ""))[:LONGEST_PASSWORD]
    following, source, now = safe_next(str(form.get("next", ""))), source_of(client_of(request)), time.monotonic()
    # Who has to wait anyhow takes nothing from all the others: one address must not keep everybody out.
    wait = desk.login_rate.take(source, now) or desk.all_logins_rate.take("", now)
    if wait:
        complaint = say("Too many attempts. Please wait a minute.")
        answer = await page(request, "login.html", status=429, complaint=complaint, name=name, next=following)
        answer.headers["Retry-After"] = str(math.ceil(wait))
        return answer
    async with desk.ledger.read() as connection:
        account = await account_named(connection, name)
    right = await desk.passwords.verify(account.password_hash if account else None, password)
    if account is None or not right:
        note_refused_login()
        complaint = say("Name and password do not belong together.")
        return await page(request, "login.html", status=403, complaint=complaint, name=name, next=following)
    desk.login_rate.give_back(source)
    response = web.Response(status=303, headers={"Location": following})
    await sessions.begin(request, response, account.id)
    zone = str(form.get("zone", ""))
    # Who chose none reads times as their clock shows them; "as the server" is a choice and stays.
    if "zone" not in account.preferences and zone_named(zone):
        await desk.ledger.write(set_preferences, account.id, {**account.preferences, "zone": zone})
    await note_deed(desk, account, "login")
    return response


async def log_out(request: web.Request) -> web.Response:
    response = web.Response(status=303, headers={"Location": "/login"})
    await sessions.end(request, response)
    return response


async def show_welcome(request: web.Request) -> web.Response:
    await _demand_first_secret(request)
    return await page(request, "welcome.html", complaint="", name="", shortest=SHORTEST_PASSWORD)


async def make_account(request: web.Request) -> web.Response:
    await _demand_first_secret(request)
    desk, say = request.app[DESK], request[WORDING]._
    form = await request.post()
    name, password = str(form.get("name", "")).strip()[:LONGEST_NAME], str(form.get("password", ""))
    if not (may_be_name(name) and may_be_password(password)):
        complaint = say("Please give a name, and a password of at least %(count)s characters.")
        complaint %= {"count": SHORTEST_PASSWORD}
        return await page(
            request, "welcome.html", status=422, complaint=complaint, name=name, shortest=SHORTEST_PASSWORD
        )
    hashed = secret_hash(request.match_info["secret"]).hex()
    password_hash = await desk.passwords.hash(password)
    account_id = await desk.ledger.write(make_first_account, hashed, name, password_hash, desk.clock())
    if account_id is None:
        raise web.HTTPNotFound
    zone = str(form.get("zone", ""))
    if zone_named(zone):
        await desk.ledger.write(set_preferences, account_id, {"zone": zone})
    async with desk.ledger.read() as connection:
        newest, account = await newest_hit_seq(connection), await account_with_id(connection, account_id)
    await desk.ledger.write(set_seen, account_id, newest)  # what was before is no news
    if account is not None:
        await note_deed(desk, account, "login", "first account")
    response = web.Response(status=303, headers={"Location": "/set-up"})
    await sessions.begin(request, response, account_id)
    return response


def safe_next(path: str) -> str:
    """Where to go after the login: one of our own pages, never another site (``//host``, ``/\\host``)."""
    ours = path.startswith("/") and path.isprintable() and not path.startswith("//") and "\\" not in path
    return path if ours and path.isascii() and len(path) < 500 else "/messages"


async def _demand_first_secret(request: web.Request) -> None:
    async with request.app[DESK].ledger.read() as connection:
        if not await is_first_secret(connection, request.match_info["secret"]):
            raise web.HTTPNotFound


ROUTES = (
    web.get("/login", show_login),
    web.post("/login", log_in),
    web.post("/logout", log_out),
    web.get("/welcome/{secret}", show_welcome),
    web.post("/welcome/{secret}", make_account),
)
