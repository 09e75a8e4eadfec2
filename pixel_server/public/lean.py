"""The short way for the two requests that make up nearly all: GET and HEAD of a pixel or a link.

What requests.py does not find plain is handed, octets and connection, to aiohttp, which stays with that connection.
Same decisions, same answers, a fraction of the time. A request that does not come whole within 15 s is closed.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import Protocol, Transport
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import cast

from pixel_server.public.answers import TOO_MANY, Answer
from pixel_server.public.doors import Doors
from pixel_server.public.hits import HitDesk
from pixel_server.public.requests import RequestReader

# Browsers send all cookies of the domain above this host, and sites have had more than aiohttp's 8190 octets of them.
LONGEST_HEAD = 32 * 1024
MOST_WAITING = 64 * 1024  # of a client that sends without reading
IDLE_SECONDS = 15.0


class LeanProtocol(Protocol):
    def __init__(
        self, desk: HitDesk, doors: Doors, reader: RequestReader, make_other: Callable[[Callable[[], None]], Protocol],
        open_ones: set[LeanProtocol],
    ) -> None:  # fmt: skip
        """``make_other`` makes the protocol that takes over, which is to call what it is given when it ends."""
        self._desk = desk
        self._doors = doors
        self._entry: str | None = None
        self._reader = reader
        self._make_other = make_other
        self._open_ones = open_ones
        self._transport: Transport | None = None
        self._peer = ""
        self._waiting = b""
        self._is_busy = False
        self._is_head = False  # what is being answered is a HEAD
        self._is_taking = False
        self._is_paused = False
        self._closes = False
        self._has_ended = False  # the client sends no more, and may still read
        self.idle_since = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        place = self._desk.place_at(self._peer)
        self._entry = self._doors.let_in(place.source, place.is_proxy)
        if self._entry is None:
            self._transport.write(TOO_MANY.head + b"\r\n" + TOO_MANY.body)
            self._transport.close()
            self._transport = None
        else:
            self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._open_ones.discard(self)
        self._leave()

    def _leave(self) -> None:
        if self._entry is not None:
            self._doors.let_out(self._entry)
            self._entry = None

    def eof_received(self) -> bool:
        # A client that half-closes behind its requests still gets their answers.
        self._has_ended = True
        return self._is_busy or self._is_paused

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._waiting = self._waiting + data if self._waiting else data
        if not self._is_busy and not self._is_paused:
            self._take_all()
        elif len(self._waiting) > MOST_WAITING:
            self._close()

    def pause_writing(self) -> None:
        # The client does not read its answers: it gets no further ones until it does, and the sweeper's patience.
        self._is_paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            if not self._is_busy:
                self._take_all()

    def close_if_idle(self, now: float) -> None:
        if self._is_busy or now - self.idle_since <= IDLE_SECONDS:
            return
        if self._is_paused and self._transport is not None:
            self._transport.abort()  # closing would wait for the client to read
        else:
            self._close()

    def finish(self) -> None:
        """The server stops: no further request."""
        self._closes = True
        if not self._is_busy:
            self._close()

    def answer(self, answer: Answer) -> None:
        """Sends it, and takes up what the client asked meanwhile."""
        self._is_busy = False
        self.idle_since = time.monotonic()
        if self._transport is None:
            return
        is_last = self._closes or (self._has_ended and not self._waiting)
        end = b"Connection: close\r\n\r\n" if is_last else b"\r\n"
        self._transport.write(answer.head + _date(int(time.time())) + end + (b"" if self._is_head else answer.body))
        if self._closes:
            self._transport.close()
        elif (self._waiting or self._has_ended) and not self._is_paused:
            self._take_all()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _take_all(self) -> None:
        # A loop, since an answer may come at once: a thousand requests in one packet must not be a thousand calls deep.
        if self._is_taking:
            return
        self._is_taking = True
        try:
            while self._waiting and self._transport is not None and not (self._is_busy or self._is_paused):
                if self._transport.is_closing() or not self._take_next():
                    break
        finally:
            self._is_taking = False
        if self._has_ended and not (self._is_busy or self._is_paused):
            self._close()

    def _take_next(self) -> bool:
        """Whether a whole request was taken off what waits."""
        waiting = self._waiting
        end = waiting.find(b"\r\n\r\n")
        if end < 0:
            if len(waiting) > LONGEST_HEAD or not _may_become_plain(waiting):
                self._hand_over()
            return False
        asked = self._reader.read(waiting[:end], self._peer) if end <= LONGEST_HEAD else None
        if asked is None:
            self._hand_over()
            return False
        self._waiting = waiting[end + 4 :]
        self._is_busy = True
        if asked.closes:
            self._closes = True
        self._is_head = asked.method == "HEAD"
        if self._desk.take(asked, self):
            return True
        self._waiting, self._is_busy = waiting, False
        self._hand_over()
        return False

    def _hand_over(self) -> None:
        assert self._transport is not None
        transport, waiting = self._transport, self._waiting
        self._open_ones.discard(self)
        self._transport, self._waiting = None, b""
        other = self._make_other(self._leave)
        transport.set_protocol(other)
        other.connection_made(transport)
        other.data_received(waiting)
        if self._has_ended and not other.eof_received():
            transport.close()


def _may_become_plain(beginning: bytes) -> bool:
    return b"GET /".startswith(beginning[:5]) or b"HEAD /".startswith(beginning[:6])


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}\r\n".encode("ascii")
