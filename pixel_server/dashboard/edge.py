"""The outermost layer: no reply leaves without its headers, no foreign Host gets in, and nobody sees a traceback.

Every fault becomes a plain page, or JSON under /api/, in words that say nothing about our insides; what really
happened stands in the log under the id the reader is given.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from ledger.faults import LedgerUnavailable
from pixel_server.dashboard import sessions
from pixel_server.dashboard.bearer import bearer_reader
from pixel_server.dashboard.headers import SECURITY_HEADERS
from pixel_server.dashboard.hosts import is_ours, may_change
from pixel_server.dashboard.keys import DESK, READER, WORDING
from pixel_server.dashboard.rendering import answer_json, page
from pixel_server.dashboard.visitors import asks_for_data, way_back, wording_for
from pixel_server.request_bodies import UNREADABLE

log = logging.getLogger("mailglass.dashboard")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# Their text says what is wrong with just this request.
_TELLING = (web.HTTPBadRequest, web.HTTPForbidden, web.HTTPUnprocessableEntity)
SAFE = ("GET", "HEAD", "OPTIONS")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
BODY_SECONDS = 30.0  # for 64 kB at most; a connection that gives them one by one is not kept open
OPEN_TO_ALL = ("/login", "/welcome/", "/static/", "/healthz", "/metrics", "/favicon.ico", "/api/v1/openapi.json")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """As a signal, so that streamed replies get them too."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if (
        "X-Frame-Options" in response.headers
        and "frame-ancestors 'self'" in response.headers["Content-Security-Policy"]
    ):
        del response.headers["X-Frame-Options"]
    if "Server" in response.headers:
        response.headers["Server"] = "mailglass"


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[WORDING] = wording_for(request, None)
    try:
        if not _host_is_ours(request):
            return web.Response(status=421, text="This address is not served here.\n")
        return await handler(request)
    except web.HTTPException as answer:
        if answer.status < 400:
            raise
        return await _say(request, answer.status, answer)
    except LedgerUnavailable:
        return await _say(request, 503, None)
    except Exception:
        fault_id = secrets.token_hex(4)
        log.exception("a page failed (%s)", fault_id)
        return await _say(request, 500, None, fault_id)


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Finds out who asks; sends strangers to the login; lets nothing be changed from elsewhere."""
    if request.method not in SAFE and not _same_origin(request):
        raise web.HTTPForbidden(text="This was sent from a page of another site.")
    reader = await bearer_reader(request) if request.path.startswith("/api/") else None
    reader = reader or await sessions.reader_of(request, request.app[DESK].clock())
    if reader is not None:
        request[READER] = reader
        request[WORDING] = wording_for(request, reader)
    elif not request.path.startswith(OPEN_TO_ALL):
        if asks_for_data(request):
            raise web.HTTPUnauthorized
        raise web.HTTPSeeOther("/login" if request.path == "/" else _login_before(request))
    if request.method not in SAFE:
        await _read_body(request)
    if reader is not None and reader.session:
        if request.method not in SAFE:
            await _check_form_token(request, reader.session)
        await sessions.refresh(request, reader)
    return await handler(request)


def _login_before(request: web.Request) -> str:
    """The login, with where to go on; it says so where the session ended before a form was sent."""
    lost = "" if request.method in SAFE else "&lost=1"
    return f"/login?next={quote(way_back(request))}{lost}"


def _host_is_ours(request: web.Request) -> bool:
    socket = request.transport.get_extra_info("sockname") if request.transport else None
    if not socket:
        return False
    hosts = request.headers.getall("Host", [])
    allowed = request.app[DESK].settings.dashboard.allowed_hosts
    return len(hosts) == 1 and is_ours(hosts[0], str(socket[0]), int(socket[1]), allowed)


def _same_origin(request: web.Request) -> bool:
    headers = request.headers
    return may_change(headers.get("Host", ""), headers.get("Origin"), headers.get("Sec-Fetch-Site"))


async def _read_body(request: web.Request) -> None:
    """Once for all handlers, which find it read. Raises HTTPBadRequest for what is not what it says, and for what does
    not come in time."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            await (request.post() if request.content_type in FORMS else request.read())
    except UNREADABLE:
        raise web.HTTPBadRequest(text="The body of the request cannot be read.") from None


async def _check_form_token(request: web.Request, session: str) -> None:
    if request.path == "/login":
        return  # somebody logged in who logs in again; Origin was looked at
    presented = request.headers.get("X-Form-Token", "")
    if not presented and request.content_type in FORMS:
        presented = str((await request.post()).get("csrf", ""))
    if not sessions.is_form_token(session, presented):
        raise web.HTTPForbidden(text="A session needs the form token of its page; a script sends an API token instead.")


async def _say(request: web.Request, status: int, answer: web.HTTPException | None, fault_id: str = "") -> web.Response:
    heading, text = _words(request, status, fault_id)
    if asks_for_data(request):
        told = answer.text if isinstance(answer, _TELLING) else None
        response = answer_json({"error": heading, "message": told or text, "status": status}, status)
    else:
        reader = request.pop(READER, None)  # no menu: the fault may be the ledger's
        values = {"heading": heading, "text": text, "logged_in": reader is not None}
        response = await page(request, "notice.html", status=status, **values)
    if answer is not None:
        response.headers.update(
            {name: answer.headers[name] for name in ("Retry-After", "Allow") if name in answer.headers}
        )
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="mailglass"'
    return response


def _words(request: web.Request, status: int, fault_id: str) -> tuple[str, str]:
    say = request[WORDING]._
    match status:
        case 401:
            return say("Not logged in"), say("Send an API token as “Authorization: Bearer …”, or log in.")
        case 403:
            return say("Not allowed"), say("This is for administrators, or it was not sent from a page of this site.")
        case 404:
            return say("Not here"), say("There is nothing at this address, or it is not yours to see.")
        case 405:
            return say("Not that way"), say("This address does not take that kind of request.")
        case 413:
            return say("Too large"), say("That was more than fits here.")
        case 422 | 400:
            return say("Not understood"), say("Something in the request is not as it should be.")
        case 429:
            return say("Too many requests"), say("Please wait a little and try again.")
        case 503:
            return say("The ledger does not answer"), say("Mail and links work on. Please try again in a moment.")
        case _:
            return say("Something went wrong"), say("It is noted in the log as %(id)s.") % {"id": fault_id or "-"}
