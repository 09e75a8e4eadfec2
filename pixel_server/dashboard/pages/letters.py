"""The Outbox of the sandbox: each delivered copy as its recipient sees it, its source, and the file itself.

Administrators see every letter; members those whose envelope names one of their addresses as the sender.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from aiohttp import web

from ledger.message_id import MessageId, parse_message_id
from ledger.outbox import Delivery, Outbox
from pixel_server.dashboard.headers import letter_policy
from pixel_server.dashboard.keys import DESK, READER
from pixel_server.dashboard.letter_view import view
from pixel_server.dashboard.rendering import page

PER_PAGE = 30
LONGEST_SOURCE = 300_000
LONGEST_HEAD = 64 * 1024  # of a letter in the list; the subject stands near its beginning


async def list_letters(request: web.Request) -> web.Response:
    desk = request.app[DESK]
    if not desk.settings.sandboxed:
        raise web.HTTPNotFound
    before = parse_message_id(request.query.get("before", ""))
    deliveries = await asyncio.to_thread(desk.outbox.list, PER_PAGE + 1, before, _senders(request))
    letters = [(delivery, await _subject(request, delivery.id)) for delivery in deliveries[:PER_PAGE]]
    older = f"/outbox?before={deliveries[PER_PAGE - 1].id}" if len(deliveries) > PER_PAGE else None
    return await page(request, "outbox.html", letters=letters, older=older)


async def show_letter(request: web.Request) -> web.Response:
    delivery, raw = await _find(request)
    return await page(request, "letter.html", delivery=delivery, letter=await asyncio.to_thread(view, raw), source=None)


async def show_source(request: web.Request) -> web.Response:
    delivery, raw = await _find(request)
    source = raw[:LONGEST_SOURCE].decode("utf-8", "replace").replace("\r\n", "\n")
    return await page(
        request, "letter.html", delivery=delivery, letter=await asyncio.to_thread(view, raw), source=source
    )


async def show_body(request: web.Request) -> web.Response:
    """What the frame holds: the letter alone, under a policy of its own."""
    _, raw = await _find(request)
    letter = await asyncio.to_thread(view, raw)
    public = urlsplit(request.app[DESK].settings.tracking.public_url)
    response = web.Response(text=letter.html, content_type="text/html")
    response.headers["Content-Security-Policy"] = letter_policy(f"{public.scheme}://{public.netloc}")
    return response


async def download(request: web.Request) -> web.Response:
    delivery, raw = await _find(request)
    disposition = f'attachment; filename="{delivery.id}.eml"'
    return web.Response(body=raw, content_type="message/rfc822", headers={"Content-Disposition": disposition})


async def _find(request: web.Request) -> tuple[Delivery, bytes]:
    desk = request.app[DESK]
    delivery_id = parse_message_id(request.match_info["id"])
    if delivery_id is None or not desk.settings.sandboxed:
        raise web.HTTPNotFound
    delivery = await asyncio.to_thread(desk.outbox.find, delivery_id)
    senders = _senders(request)
    if delivery is None or not (senders is None or delivery.is_from(senders)):
        raise web.HTTPNotFound
    raw = await asyncio.to_thread(desk.outbox.read, delivery_id)
    if raw is None:
        raise web.HTTPNotFound
    return delivery, raw


def _senders(request: web.Request) -> tuple[str, ...] | None:
    """Whose letters the reader may see; None for everybody's."""
    viewer = request[READER].viewer
    return None if viewer.admin else viewer.addresses


async def _subject(request: web.Request, delivery_id: MessageId) -> str:
    return await asyncio.to_thread(_read_subject, request.app[DESK].outbox, delivery_id)


def _read_subject(outbox: Outbox, delivery_id: MessageId) -> str:
    """In a thread: the standard library takes seconds over odd headers, and relay and pixels have the same loop."""
    head = (outbox.read(delivery_id, LONGEST_HEAD) or b"").partition(b"\r\n\r\n")[0]
    return view(head + b"\r\n\r\n").subject


ROUTES = (
    web.get("/outbox", list_letters),
    web.get("/outbox/{id}", show_letter),
    web.get("/outbox/{id}/source", show_source),
    web.get("/outbox/{id}/body", show_body),
    web.get("/outbox/{id}/download", download),
)
