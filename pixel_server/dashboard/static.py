"""Our own style sheet, script and icon, the root, and whether we are alive."""

from __future__ import annotations

from pathlib import PurePath

from aiohttp import web

from pixel_server.dashboard.keys import DESK
from pixel_server.dashboard.rendering import TYPES, answer_json, static_files

A_YEAR = "public, max-age=31536000, immutable"


async def show_file(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    found = static_files().get(name)
    if found is None:
        raise web.HTTPNotFound
    raw, version = found
    # Only an address that names the version may be kept: the next release has another one.
    cached = A_YEAR if request.query.get("v") == version else "no-store"
    content_type = TYPES[PurePath(name).suffix]
    return web.Response(body=raw, headers={"Content-Type": content_type, "Cache-Control": cached})


async def show_root(_request: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/messages")


async def show_icon(_request: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/static/lens.svg")


async def show_health(request: web.Request) -> web.Response:
    """200 when pages can be shown; 503 when the ledger takes no changes."""
    well = request.app[DESK].ledger.fault is None
    return answer_json({"status": "ok" if well else "ledger-unavailable"}, 200 if well else 503)


ROUTES = (
    web.get("/", show_root),
    web.get("/healthz", show_health),
    web.get("/favicon.ico", show_icon),
    web.get("/static/{name}", show_file),
)
