"""aiohttp's server for the public port, made to say little: no input in its answers, one line a fault in the log.

What cannot be parsed gets the same plain 400 whatever it was; aiohttp's own would quote the request to whoever sent
it, and a traceback to the log, token included.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from pixel_server.public.answers import BAD_REQUEST

log = logging.getLogger("mailglass.public")


class PlainHandler(RequestHandler):
    """One connection. ``on_end`` is called when it is over."""

    __slots__ = ("_has_ended", "on_end")

    on_end: Callable[[], None]
    _has_ended: bool  # the client sends no more, and may still read

    @property
    def is_at_its_last(self) -> bool:
        """Whether nothing comes behind the request that is being answered."""
        return self._has_ended and not self._messages

    def eof_received(self) -> bool:  # type: ignore[override]
        # A client that half-closes behind its requests still gets their answers; one that left in the middle of a body
        # is gone.
        self._has_ended = True
        bodies = [body for _, body in self._messages]
        if self._current_request is not None:
            bodies.append(self._current_request.content)
        is_busy = self._waiter is None or bool(self._messages)  # it waits only when it has nothing to answer
        return is_busy and all(body.is_eof() for body in bodies)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.on_end()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        log.debug("a request could not be read: %s", type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way already")
        answer = BAD_REQUEST
        response = web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        fault = kw.get("exc_info")
        log.info("a connection ended in a fault: %s", type(fault).__name__ if fault else "unnamed")


class PlainServer(web.Server):
    """``web.Server`` with these connections."""

    def __call__(self, on_end: Callable[[], None] = lambda: None) -> RequestHandler:
        handler = PlainHandler(self, loop=self._loop, **self._kwargs)
        handler.on_end = on_end
        handler._has_ended = False
        return handler
