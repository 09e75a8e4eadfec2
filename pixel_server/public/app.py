"""The public server: hits by the short way, everything else through aiohttp, on one socket.

Paths: pixels, links, recipients' pages, robots.txt, healthz; nothing of the dashboard. No cookie, no access log, no
name of server or version. What only looks like one of our URLs is a plain 404.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import resource
import time
from asyncio import Protocol
from collections.abc import Callable
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage

from config.settings import Settings, host_and_port
from ledger.access import Ledger
from ledger.consents import consents_for
from ledger.tokens import KeyRing
from pixel_server.public.answers import NOT_ALLOWED, NOT_FOUND, ROBOTS, TOO_LARGE, Answer, json_answer
from pixel_server.public.doors import Doors
from pixel_server.public.hits import HitDesk
from pixel_server.public.ingest import Ingest
from pixel_server.public.lean import IDLE_SECONDS, LeanProtocol
from pixel_server.public.page_look import PAGE_HEADERS, language_for
from pixel_server.public.plain_http import PlainHandler, PlainServer
from pixel_server.public.privacy_page import privacy_page
from pixel_server.public.recipient_page import RecipientPage
from pixel_server.public.requests import Asked, RequestReader, head_of
from pixel_server.public.signs.loading import load_signs

log = logging.getLogger("mailglass.public")
LARGEST_BODY = 16 * 1024
# Of a request. Eight times the 8,000 octets that RFC 9110 section 4.1 asks for: links of several kB stand in delivered
# mail, and each octet of theirs may have become three, percent-encoded.
LONGEST_LINE = 64 * 1024
LONGEST_FIELD = 16 * 1024  # of a page's request; there may be 128 of them
SWEEP_SECONDS = 2.5
_BEHIND_AUTHORITY = re.compile(r"[/?#].*", re.DOTALL)
REMEMBER_SECONDS = 120.0  # addresses and user agents, as docs/privacy.md promises
BACKLOG = 1024
PATIENCE_AT_END_SECONDS = 5.0


class PlainRequest(web.BaseRequest):
    """A request whose answers do not say what answers."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)


class _Waiting:
    """An asker for whom aiohttp sends the answer."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def answer(self, answer: Answer) -> None:
        if not self.answered.done():
            self.answered.set_result(answer)


class PublicServer:
    """One process's share of the public port. ``ring`` gives the present keys."""

    def __init__(self, settings: Settings, ledger: Ledger, ring: Callable[[], KeyRing]) -> None:
        self._settings = settings
        self._ledger = ledger
        self.ingest = Ingest(ledger, settings.data_dir / "journal")
        self._desk = HitDesk(settings, ledger, ring, load_signs(settings.hits.networks_file), self.ingest)
        self._reader = RequestReader()
        self._doors = Doors(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._page = RecipientPage(settings, ledger, ring, consents_for(settings, ledger))
        self._lean: set[LeanProtocol] = set()
        self._web: PlainServer | None = None
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, reuse_port: bool = False, bind: str | None = None) -> None:
        """Listens on [pixel_server] bind. Raises OSError when it cannot."""
        self._web = PlainServer(
            self._handle, request_factory=_make_request, access_log=None, keepalive_timeout=IDLE_SECONDS,
            lingering_time=1.0, max_line_size=LONGEST_LINE, max_field_size=LONGEST_FIELD,
        )  # fmt: skip
        await self.ingest.start()
        await self._ledger.get_ready()
        host, port = host_and_port(bind or self._settings.pixel_server.bind)
        server = await asyncio.get_running_loop().create_server(
            self._make_lean, host or None, port, backlog=BACKLOG, reuse_port=reuse_port or None
        )
        self._servers.append(server)
        self._sweeper = asyncio.create_task(self._sweep(), name="public sweeper")

    @property
    def port(self) -> int:
        address: tuple[Any, ...] = self._servers[0].sockets[0].getsockname()
        return int(address[1])

    async def close(self) -> None:
        """Takes no new request, answers those that wait, then stops."""
        for server in self._servers:
            server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._lean):
            connection.finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_AT_END_SECONDS):
                await self._desk.close()
                await self.ingest.close()
                await self._desk.close()  # what is to be done after those answers
        if self._web is not None:
            await self._web.shutdown(PATIENCE_AT_END_SECONDS)

    def health(self) -> dict[str, str]:
        """What /healthz says: "ok", or "alarm" and where. Redirects and pixels work either way."""
        alarm = self.ingest.alarm
        return {"status": "ok"} if alarm is None else {"status": "alarm", "alarm": alarm}

    def _make_lean(self) -> Protocol:
        return LeanProtocol(self._desk, self._doors, self._reader, self._make_other, self._lean)

    def _make_other(self, on_end: Callable[[], None]) -> Protocol:
        assert self._web is not None
        return self._web(on_end)

    async def _sweep(self) -> None:
        forget_at = time.monotonic() + REMEMBER_SECONDS
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if time.monotonic() > forget_at:
                forget_at = time.monotonic() + REMEMBER_SECONDS
                self._reader.forget()
                self._desk.forget_visitors()
            now = time.monotonic()
            for connection in list(self._lean):
                connection.close_if_idle(now)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            answer = await self._answer(request)
        except Exception:
            log.exception("a request could not be answered")
            answer = NOT_FOUND
        response = web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        if _is_last(request):
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> Answer:
        if request.content_length is not None and request.content_length > LARGEST_BODY:
            return TOO_LARGE
        asked = Asked(request.method, _path_of(request), head_of(_lines_of(request)), request.remote or "")
        plain = self._desk.inside(asked.path).partition("?")[0]
        own = self._desk.parse(asked.path)
        if own is None and plain in ("/healthz", "/robots.txt", "/privacy"):
            return self._about(plain, request) if asked.method in ("GET", "HEAD") else NOT_ALLOWED
        if own is None:
            return NOT_FOUND
        if own.purpose.value == "p":
            return await self._page.answer(request, own.token)
        waiting = _Waiting()
        self._desk.take(asked, waiting)
        return await waiting.answered

    def _about(self, path: str, request: web.BaseRequest) -> Answer:
        if path == "/privacy":
            language = language_for(request, self._settings.privacy.language)
            shown = privacy_page(self._settings, language)
            return Answer(200, (*PAGE_HEADERS, ("Content-Language", language)), shown.encode("utf-8"))
        return ROBOTS if path == "/robots.txt" else json_answer(self.health())


def _make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: Any,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> PlainRequest:
    if message.version not in (HttpVersion10, HttpVersion11):  # an answer says the version that was asked in
        message = message._replace(version=HttpVersion10)
    return PlainRequest(
        message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=LARGEST_BODY
    )


def _is_last(request: web.BaseRequest) -> bool:
    # Behind an offer to speak something else, and behind CONNECT, may stand what is no HTTP.
    if request.method == "CONNECT" or "Upgrade" in request.headers:
        return True
    return isinstance(request.protocol, PlainHandler) and request.protocol.is_at_its_last


def _path_of(request: web.BaseRequest) -> str:
    """The raw target; of the absolute form (RFC 9112 section 3.2.2) what follows the authority."""
    target = request.raw_path
    if target[:7].lower() == "http://" or target[:8].lower() == "https://":
        rest = _BEHIND_AUTHORITY.search(target, target.index("://") + 3)
        behind = rest[0] if rest else ""
        return behind if behind.startswith("/") else f"/{behind}"
    return target


def _lines_of(request: web.BaseRequest) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
