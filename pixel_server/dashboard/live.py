"""Server-sent events: hits and changes as they are committed, from where the reader last was.

What was missed (Last-Event-ID, or ``after`` in the address) comes first, from the ledger; then what happens. A reader
is told only of mail they may see. Pages work without any of this.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from ledger.faults import LedgerUnavailable
from ledger.message_id import parse_message_id
from ledger.queries.activity import newest_hit_id
from ledger.queries.hits import HitFilter
from ledger.queries.messages import HIGHEST_LIMIT, message_detail
from ledger.queries.rows import HitRow
from ledger.recording import LedgerEvent
from pixel_server.dashboard import sessions
from pixel_server.dashboard.api.forms import hit_form
from pixel_server.dashboard.api.replies import refuse_faults, refuse_unknown
from pixel_server.dashboard.bearer import READ, bearer_reader, demand
from pixel_server.dashboard.keys import DESK, Desk, Reader
from pixel_server.dashboard.shown_hits import is_again, shown_hits

ALIVE_SECONDS = 15.0  # proxies close what is silent for a minute
LOOK_AGAIN_SECONDS = 1.0  # after whoever listens: a session may have ended, a token may be revoked
RETRY_MILLISECONDS = 2000
FROM_THE_FIRST = "0"  # below every id
MOST_STREAMS = 40  # of an account: a browser needs one, without locks one for each window that is seen
Streams = dict[asyncio.Task[Any], int]  # and whose account's
STREAMS: web.AppKey[Streams] = web.AppKey("STREAMS", dict)


def follow(app: web.Application) -> None:
    """Ends open streams when the application stops; they would hold it up for ever."""
    app[STREAMS] = Streams()

    async def end_streams(stopping: web.Application) -> None:
        for task in [*stopping[STREAMS]]:
            task.cancel()

    app.on_shutdown.append(end_streams)


async def stream(request: web.Request) -> web.StreamResponse:
    reader, desk, streams = demand(request, READ), request.app[DESK], request.app[STREAMS]
    if list(streams.values()).count(reader.account.id) >= MOST_STREAMS:
        raise web.HTTPTooManyRequests(headers={"Retry-After": str(math.ceil(ALIVE_SECONDS))})
    last = _last_heard(request)
    events = desk.ledger.subscribe()  # before the look at what was missed, so that nothing falls between
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    task = asyncio.current_task()
    assert task is not None
    streams[task] = reader.account.id
    telling = _Telling(desk, reader, response)
    try:
        await response.prepare(request)
        await response.write(f"retry: {RETRY_MILLISECONDS}\n\n".encode())
        await telling.begin(last)
        await _tell_on(request, telling, events)
    except (ConnectionError, asyncio.CancelledError, LedgerUnavailable):
        pass  # the reader left, or we stop, or they come again from where they were when the ledger answers
    finally:
        streams.pop(task, None)
    return response


def _last_heard(request: web.Request) -> str:
    """The hit after which to begin; "" is now. Raises HTTPBadRequest for an address that asks for something else. A
    header that is no id was kept by a browser from somewhere else: refused, it would never ask again."""
    refuse_unknown(request, ("after",))
    after = request.query.get("after", "")
    known = parse_message_id(after)  # the ids of hits are made like those
    if known is None and after not in ("", FROM_THE_FIRST):
        refuse_faults({"after": "is not the id of a hit"})
    header = parse_message_id(request.headers.get("Last-Event-ID", ""))
    return str(header or known or after)


async def _tell_on(request: web.Request, telling: _Telling, events: AsyncIterator[LedgerEvent]) -> None:
    coming = asyncio.ensure_future(anext(events))
    looked = time.monotonic()
    try:
        while True:
            done, _ = await asyncio.wait((coming,), timeout=ALIVE_SECONDS)
            # However much there is to tell: where something happens all the time, it is never quiet.
            if time.monotonic() - looked >= LOOK_AGAIN_SECONDS:
                if not await _still_welcome(request):
                    return
                looked = time.monotonic()
            if done:
                event = coming.result()
                coming = asyncio.ensure_future(anext(events))
                await telling.tell(event)
            else:
                await telling.response.write(b": still here\n\n")
    finally:
        coming.cancel()


async def _still_welcome(request: web.Request) -> bool:
    """Whether the session or token that opened the stream lives."""
    try:
        bearer = await bearer_reader(request)
        return (bearer or await sessions.reader_of(request, request.app[DESK].clock())) is not None
    except web.HTTPUnauthorized:
        return False
    except LedgerUnavailable:
        return True


def _event_of(hit: HitRow) -> dict[str, Any]:
    return hit_form(hit) | {"subject": hit.subject, "address": hit.address, "again": is_again(hit)}


class _Telling:
    """One reader's stream, and the last hit they heard of."""

    def __init__(self, desk: Desk, reader: Reader, response: web.StreamResponse) -> None:
        self._desk, self._reader, self.response = desk, reader, response
        self._last = FROM_THE_FIRST

    async def begin(self, last: str) -> None:
        if last:
            self._last = last
            await self._tell_newer()
        else:
            async with self._desk.ledger.read() as connection:
                self._last = await newest_hit_id(connection)

    async def tell(self, event: LedgerEvent) -> None:
        match event.what:
            case "hit":
                await self._tell_newer()
            case _:
                if await self._may_see(event.message):
                    await self._write(event.what, {"id": event.message, "hit": event.hit or None})

    async def _tell_newer(self) -> None:
        async with self._desk.ledger.read() as connection:
            wanted = HitFilter(after=self._last)
            newer = await shown_hits(self._desk.settings, connection, self._reader.viewer, wanted, None, HIGHEST_LIMIT)
        for hit in reversed(newer.items):
            await self._write("hit", _event_of(hit), hit.id)
            self._last = hit.id

    async def _may_see(self, message: str) -> bool:
        message_id = parse_message_id(message)
        if message_id is None:
            return self._reader.account.admin
        async with self._desk.ledger.read() as connection:
            return await message_detail(connection, self._reader.viewer, message_id) is not None

    async def _write(self, kind: str, value: dict[str, Any], event_id: str = "") -> None:
        lines = [f"id: {event_id}"] if event_id else []
        lines += [f"event: {kind}", f"data: {json.dumps(value)}"]
        await self.response.write(("\n".join(lines) + "\n\n").encode())


ROUTES = (web.get("/api/v1/events", stream, allow_head=False),)
