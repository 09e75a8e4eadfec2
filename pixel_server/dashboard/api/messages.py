"""GET messages, GET messages/{id}, POST messages/{id}/stop."""

from __future__ import annotations

from datetime import UTC

from aiohttp import web

from ledger.queries.hits import HitFilter
from ledger.queries.messages import list_messages, message_detail
from pixel_server.dashboard.api.forms import detail_form, hit_form, message_form
from pixel_server.dashboard.api.replies import answer, answer_list, refuse_faults, refuse_unknown
from pixel_server.dashboard.bearer import READ, WRITE, demand
from pixel_server.dashboard.filters import NAMES, read_filters
from pixel_server.dashboard.keys import DESK, Reader
from pixel_server.dashboard.pages.message_page import message_id_of
from pixel_server.dashboard.readers import different_readers
from pixel_server.dashboard.shown_hits import shown_hits

HITS_OF_ONE = 500


async def get_messages(request: web.Request) -> web.Response:
    reader, desk = demand(request, READ), request.app[DESK]
    refuse_unknown(request, (*NAMES, "limit", "cursor"))
    asked = read_filters(request.query, UTC)
    refuse_faults(asked.faults)
    async with desk.ledger.read() as connection:
        listed = await list_messages(
            connection, reader.viewer, asked.wanted, asked.cursor, asked.limit, desk.clock()
        )  # fmt: skip
    return answer_list(request, [message_form(row) for row in listed.items], listed.next)


async def get_message(request: web.Request) -> web.Response:
    return await _answer_detail(request, demand(request, READ))


async def stop_message(request: web.Request) -> web.Response:
    reader, desk = demand(request, WRITE), request.app[DESK]
    message_id = message_id_of(request)
    async with desk.ledger.read() as connection:
        if await message_detail(connection, reader.viewer, message_id) is None:
            raise web.HTTPNotFound
    await desk.ledger.stop(message_id, desk.clock())
    return await _answer_detail(request, reader)


async def _answer_detail(request: web.Request, reader: Reader) -> web.Response:
    desk, message_id = request.app[DESK], message_id_of(request)
    async with desk.ledger.read() as connection:
        detail = await message_detail(connection, reader.viewer, message_id)
        if detail is None:
            raise web.HTTPNotFound
        wanted = HitFilter(message=message_id)
        hits = await shown_hits(desk.settings, connection, reader.viewer, wanted, None, HITS_OF_ONE)
    readers = different_readers(hits.items, detail.message.recipient_count)
    return answer(request, detail_form(detail, [hit_form(hit) for hit in hits.items], readers))


ROUTES = (
    web.get("/api/v1/messages", get_messages),
    web.get("/api/v1/messages/{id}", get_message),
    web.post("/api/v1/messages/{id}/stop", stop_message),
)
