"""GET hits."""

from __future__ import annotations

import re

from aiohttp import web

from ledger.message_id import parse_message_id
from ledger.queries.hits import HitFilter
from ledger.queries.messages import HIGHEST_LIMIT
from ledger.records import HitClass, HitKind
from pixel_server.dashboard.api.forms import hit_form
from pixel_server.dashboard.api.replies import answer_list, refuse_faults, refuse_unknown
from pixel_server.dashboard.bearer import READ, demand
from pixel_server.dashboard.keys import DESK
from pixel_server.dashboard.shown_hits import shown_hits

NAMES = ("message", "kind", "class", "limit", "cursor", "after")


async def get_hits(request: web.Request) -> web.Response:
    reader, desk = demand(request, READ), request.app[DESK]
    refuse_unknown(request, NAMES)
    wanted, cursor, limit = read_hit_filters(request)
    async with desk.ledger.read() as connection:
        listed = await shown_hits(desk.settings, connection, reader.viewer, wanted, cursor, limit)
    return answer_list(request, [hit_form(hit) for hit in listed.items], listed.next)


def read_hit_filters(request: web.Request) -> tuple[HitFilter, str | None, int]:
    """Raises HTTPBadRequest."""
    query, faults = request.query, {}
    message = parse_message_id(query["message"]) if query.get("message") else None
    if query.get("message") and message is None:
        faults["message"] = "is not the id of a message"
    for name, words in (("kind", HitKind), ("class", HitClass)):
        if query.get(name) and query[name] not in list(words):
            faults[name] = "must be one of " + ", ".join(words)
    if query.get("cursor") and not re.fullmatch(r"\d{1,18}", query["cursor"], re.ASCII):
        faults["cursor"] = "is not one of ours"
    after = parse_message_id(query["after"]) if query.get("after") else None  # the ids of hits are made like those
    if query.get("after") and after is None:
        faults["after"] = "is not the id of a hit"
    written = query.get("limit", "") or "50"
    if not (re.fullmatch(r"\d{1,4}", written, re.ASCII) and 1 <= int(written) <= HIGHEST_LIMIT):
        faults["limit"] = f"must be a whole number from 1 to {HIGHEST_LIMIT}"
    refuse_faults(faults)
    wanted = HitFilter(message, query.get("kind", ""), query.get("class", ""), str(after or ""))
    return wanted, query.get("cursor") or None, int(written)


ROUTES = (web.get("/api/v1/hits", get_hits),)
