"""Who stands before the page: where from, in which language and time zone, wanting what, and where to go on."""

from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aiohttp import web

from pixel_server.dashboard.keys import DESK, Reader
from pixel_server.dashboard.languages import codes, language, preferred
from pixel_server.dashboard.wording import Wording
from pixel_server.public.sources import client_address, trusted_networks


def wording_for(request: web.Request, reader: Reader | None) -> Wording:
    """The reader's own choice; without one the browser's language, and our zone where none was learnt at a login."""
    preferences = reader.account.preferences if reader else {}
    now = request.app[DESK].clock()
    code = preferences.get("language") or preferred(request.headers.get("Accept-Language", ""), codes())
    chosen = zone_named(str(preferences.get("zone", "")))
    return Wording(language(str(code)), chosen or now.astimezone().tzinfo or UTC, now)


def zone_named(name: str) -> tzinfo | None:
    """None for no name and for one that is no time zone here."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def client_of(request: web.Request) -> str:
    """The address of whoever asks, behind trusted proxies."""
    trusted = trusted_networks(request.app[DESK].settings.pixel_server.trusted_proxies)
    return client_address(request.remote or "", request.headers.items(), trusted)


def asks_for_data(request: web.Request) -> bool:
    return request.path.startswith("/api/")


def way_back(request: web.Request) -> str:
    """Where a reader goes on after something came between: what was asked for, or of a form the page it stood on,
    whose address is the beginning of its own."""
    if request.method in ("GET", "HEAD"):
        return request.path_qs
    pages = [
        route.resource.get_info() for route in request.app.router.routes() if route.method == "GET" and route.resource
    ]
    path = request.path
    while path:
        if any(path == one.get("path") or ("pattern" in one and one["pattern"].fullmatch(path)) for one in pages):
            return path
        path = path.rpartition("/")[0]
    return "/messages"
