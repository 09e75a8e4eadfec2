"""One client's connection: aiosmtpd's ``SMTP`` with the byte stream taken over.

aiosmtpd listens, makes one of these per connection and upgrades it to TLS. Its command loop, its DATA and its
parsing are not used: they cost a factor of five to twelve and change addresses, parameters and line ends. This class
moves bytes, nothing more; what they mean is the session's business.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from typing import cast

from aiosmtpd.smtp import SMTP, TLSSetupException

from relay.deadline import Deadline
from relay.session import Session
from relay.surroundings import Surroundings

HANDSHAKE_SECONDS = 20
# After the last word to a client that is still sending: closing at once would make its system throw that word away.
# And to one that says no more: so long it has for confirming that word, or for answering it with a reset.
LINGER_SECONDS = 2.0
FIRST_LOOK_SECONDS = 0.001  # for that answer; then after twice as long each time
CLOSING_SECONDS = 30.0
TLS_OCTETS = 100  # more than a record adds to what is in it


class ClientConnection(SMTP):
    transport: asyncio.Transport | None

    def __init__(self, around: Surroundings, is_admitted: bool | None = None) -> None:
        """``is_admitted``: whether it was counted on its way here; None, if nobody has looked at it yet."""
        # aiosmtpd's own constructor looks through every method for hooks that are not used here: 0.17 ms a connection.
        self.loop = asyncio.get_running_loop()
        asyncio.StreamReaderProtocol.__init__(self, None, loop=self.loop)  # type: ignore[arg-type] # nobody reads one
        self.transport = None
        self.tls_context = around.certificate.context if around.certificate else None
        self._original_transport: asyncio.Transport | None = None
        self._tls_protocol = None
        self._around = around
        self._corked: list[bytes] | None = None
        self._pauses: set[str] = set()
        self._is_lingering = False
        self._is_at_eof = False
        self._last_resort: asyncio.TimerHandle | None = None
        self.said = 0  # octets, as they go over the wire; under TLS rather too many
        self.is_counted = False
        self._is_admitted = is_admitted
        self._late_error: Exception | None = None
        self._ending: asyncio.Transport | None = None  # while the session hears of its end
        self.peer: object = None
        self.own_end: object = None
        self.is_encrypted = False
        self.deadline = Deadline(self.loop, self._fell_silent)
        self.talk = Session(self, around)

    @property
    def address(self) -> str:
        return _address_in(self.peer)

    @property
    def is_lost(self) -> bool:
        return self.transport is None

    @property
    def unconfirmed(self) -> int | None:
        """The octets we said that the client's system has not confirmed; None where nobody can tell."""
        transport = self.transport or self._ending
        return 0 if transport is None else _unconfirmed(transport, sum(map(len, self._corked or ())))

    def ask_for_reset(self) -> bool:
        """Whether the client's system has answered with a reset: it had closed, and not only its own direction. Our own
        system tells it only once, so what it says is kept."""
        own = self.transport.get_extra_info("socket") if self.transport is not None else None
        number = own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if own is not None else 0
        if number:
            self._late_error = ConnectionResetError(number, "reset")
        return isinstance(self._late_error, ConnectionError)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.is_encrypted = transport.get_extra_info("sslcontext") is not None
        if self._original_transport is not None:  # aiosmtpd has upgraded the connection
            return
        self.peer = transport.get_extra_info("peername")
        self.own_end = transport.get_extra_info("sockname")
        admitted = self._is_admitted
        self.is_counted = self._around.doorkeeper.enter(self.address) if admitted is None else admitted
        self.talk.begin(is_admitted=self.is_counted)

    def connection_lost(self, error: Exception | None) -> None:
        transport, self.transport = self.transport, None
        if transport is None:
            return
        # First what nobody makes good: an address whose connections are not counted down is soon turned away.
        self.deadline.cancel()
        if self._last_resort is not None:
            self._last_resort.cancel()
        if self.is_counted:
            self._around.doorkeeper.leave(self.address)
        self._ending, self._late_error = transport, error or self._late_error
        self.talk.vanished(self._late_error)
        self._ending = None
        if self._original_transport is not None:
            self._original_transport.close()
        super(SMTP, self).connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._is_lingering:
            return
        try:
            self.talk.received(data)
        except Exception as error:
            self.talk.broke(error)

    def eof_received(self) -> bool:
        self._is_at_eof = True
        if self._is_lingering:
            return False  # heard the last word, and agrees
        try:
            keep_open = self.talk.half_closed()
        except Exception as error:
            self.talk.broke(error)
            return False
        return keep_open and not self.is_encrypted

    def pause_writing(self) -> None:
        self.talk.client_is_full(True)

    def resume_writing(self) -> None:
        self.talk.client_is_full(False)

    def write(self, raw: bytes) -> None:
        """Sends a reply; while corked, replies are collected and leave in one packet."""
        self.said += len(raw) + TLS_OCTETS if self.is_encrypted else len(raw)
        if self._corked is not None:
            self._corked.append(raw)
        elif self.transport is not None:
            self.transport.write(raw)

    def cork(self) -> None:
        if self._corked is None:
            self._corked = []

    def uncork(self) -> None:
        out, self._corked = self._corked, None
        if out and self.transport is not None:
            self.transport.write(out[0] if len(out) == 1 else b"".join(out))

    def hold_back(self, why: str, is_on: bool) -> None:
        """Stops and starts reading from the client; it is read while no reason stands against it."""
        before = bool(self._pauses)
        (self._pauses.add if is_on else self._pauses.discard)(why)
        if self.transport is None or before is bool(self._pauses) or self.transport.is_closing():
            return
        if is_on:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def close(self, while_sending: bool = False) -> None:
        """Closes when all replies are out; ``while_sending``: the client may still talk, or it matters what its system
        says to our last word, so listen a little longer."""
        self.uncork()
        self.deadline.cancel()
        if self.transport is None or self._is_lingering:
            return
        is_lingering = while_sending and self.transport.can_write_eof()  # TLS cannot
        if not is_lingering and self.transport.is_closing():  # asyncio's TLS is of no use after a second time
            self._close_at_last()
            return
        self._is_lingering = is_lingering or self.is_encrypted
        for why in tuple(self._pauses):  # its end would not be seen
            self.hold_back(why, False)
        if not is_lingering:
            self.transport.close()
            if self.is_encrypted or self.transport.get_write_buffer_size():
                self._close_at_last()
            return
        try:
            self.transport.write_eof()
        except OSError as error:  # the client is gone already
            self._late_error = error
            self.transport.abort()
            return
        self.said += 1  # the system counts the end as an octet
        if self._is_at_eof:
            self.loop.call_later(FIRST_LOOK_SECONDS, self._look_for_answer, FIRST_LOOK_SECONDS)
        else:
            self.loop.call_later(LINGER_SECONDS, self._stop_lingering)

    def _close_at_last(self) -> None:
        """It does not read, or does not agree to the end of TLS, and would be waited for without end."""
        if self._last_resort is None:
            self._last_resort = self.loop.call_later(CLOSING_SECONDS, self._stop_lingering)

    def _look_for_answer(self, waited: float) -> None:
        """A client that says no more is waited for only until its system has confirmed our last word, or refused it."""
        if self.transport is None or self.ask_for_reset() or self.unconfirmed == 0 or waited >= LINGER_SECONDS:
            self._stop_lingering()
        else:
            self.loop.call_later(waited, self._look_for_answer, 2 * waited)

    def _stop_lingering(self) -> None:
        """One whose system has not confirmed our last word by now is not there any more."""
        if self.transport is not None:
            if not self.ask_for_reset() and self.unconfirmed:
                self._late_error = TimeoutError("the last word was not confirmed")
            self.transport.abort()

    def cut_off(self) -> None:
        """From its end on the connection's system neither repeats what was said nor takes a confirmation."""
        transport = self.transport or self._ending
        own = transport.get_extra_info("socket") if transport is not None else None
        if own is not None:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _fell_silent(self) -> None:
        self.talk.fell_silent()

    async def push(self, status: str | bytes) -> None:
        """What aiosmtpd says itself: its 220 before a handshake."""
        self.uncork()
        self.write(status.encode("ascii") + b"\r\n" if isinstance(status, str) else status + b"\r\n")

    async def start_tls(self) -> bool:
        """Answers 220 and encrypts; False when the handshake failed, and the connection is gone."""
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await self.smtp_STARTTLS("")
        except (TLSSetupException, TimeoutError, OSError):
            if self._original_transport is not None:
                self._original_transport.abort()
            self.connection_lost(None)
            return False
        return True


def address_of(transport: asyncio.BaseTransport) -> str:
    """Where a connection comes from."""
    return _address_in(transport.get_extra_info("peername"))


def _address_in(peer: object) -> str:
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def _unconfirmed(transport: asyncio.Transport, unsent: int) -> int | None:
    unsent += transport.get_write_buffer_size()
    own = transport.get_extra_info("socket")
    if own is None:  # asyncio's TLS has let go of it after a reset
        return unsent or None
    try:
        (waiting,) = struct.unpack("i", fcntl.ioctl(own.fileno(), termios.TIOCOUTQ, bytes(4)))
    except OSError:  # not every system can tell
        return unsent or None
    return unsent + int(waiting)
