"""Opens sessions with one upstream: connection, greeting and TLS by aiosmtplib, then the bytes are ours.

Decides when an upstream is trusted: with ``starttls`` and ``tls`` nothing but a verified connection will do, and there
is no falling back. What the upstream sent in clear before the encryption counts for nothing afterwards.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import aiosmtplib

from relay.capabilities import capabilities_of
from relay.replies import Fault, Reply, UpstreamFault, UpstreamRefusal, compose
from relay.reply_reader import Nonsense, ReplyReader
from relay.upstream import PIECE, UpstreamLink, UpstreamOwner


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an upstream is and how it is spoken to. The password is not shown in ``repr``."""

    host: str
    port: int
    security: str  # starttls | tls | none
    tls: ssl.SSLContext | None
    connect_seconds: float
    reply_seconds: float
    account: Credentials | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """The relay's own account at the upstream."""

    username: str
    password: str


# This process's upstream connections, by local and remote end: a client on one of them is the relay itself. The local
# end alone would not do: a client on this machine may have the same port at the same time, towards another server.
_own_connections: set[tuple[object, object]] = set()


def is_own_connection(local: object, remote: object) -> bool:
    return _ends(local, remote) in _own_connections


def _ends(local: object, remote: object) -> tuple[object, object]:
    """IPv6 addresses come with flow and scope; those are no part of who is connected."""
    return (local[:2] if isinstance(local, tuple) else local, remote[:2] if isinstance(remote, tuple) else remote)


async def dial(destination: Destination, owner: UpstreamOwner, name: str) -> UpstreamLink:
    """A session after greeting, TLS and the login of our own account, before the client's EHLO.

    ``name`` is what the client calls itself. Raises UpstreamRefusal and UpstreamFault.
    """
    try:
        async with asyncio.timeout(destination.connect_seconds):
            return await _connect(destination, owner, name)
    except aiosmtplib.SMTPAuthenticationError:
        raise UpstreamFault(Fault.UPSTREAM_LOGIN, "login refused") from None
    except aiosmtplib.SMTPConnectResponseError as error:
        raise UpstreamRefusal(_refusal_at_greeting(error.code, error.message)) from None
    except (aiosmtplib.SMTPTimeoutError, TimeoutError):
        raise UpstreamFault(Fault.UPSTREAM_SLOW, "no connection in time") from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise UpstreamFault(_fault_of(error, destination), type(error).__name__) from None


async def _connect(destination: Destination, owner: UpstreamOwner, name: str) -> UpstreamLink:
    account = destination.account
    if destination.security == "none" and account is None:
        return await _connect_plainly(destination, owner)
    client = aiosmtplib.SMTP(
        hostname=destination.host,
        port=destination.port,
        timeout=destination.connect_seconds,
        use_tls=destination.security == "tls",
        start_tls=destination.security == "starttls",
        tls_context=destination.tls,
        username=account.username if account else None,
        password=account.password if account else None,
        # Said only before STARTTLS and our own login; the client's own EHLO line follows.
        local_hostname=name if name.isascii() and name.isprintable() and name and " " not in name else "localhost",
    )
    await client.connect()
    if destination.security != "none" and client.get_transport_info("sslcontext") is None:
        client.close()
        raise UpstreamFault(Fault.UPSTREAM_UNTRUSTED, "not encrypted")
    return _take_over(client, destination, owner)


async def _connect_plainly(destination: Destination, owner: UpstreamOwner) -> UpstreamLink:
    """With nothing to encrypt and nobody to log in, all there is to do is to read the greeting."""
    link = _RegisteredLink(owner, destination.reply_seconds)
    greeting = link.greeting()
    await asyncio.get_running_loop().create_connection(lambda: link, destination.host, destination.port)
    try:
        reply = await greeting
    except asyncio.CancelledError:  # it took too long
        link.abandon()
        raise
    if reply.fault is not None:
        raise UpstreamFault(
            Fault.UPSTREAM_UNREACHABLE if reply.fault is Fault.UPSTREAM_GONE else reply.fault, "greeting"
        )
    if 400 <= reply.code <= 599:
        link.abandon()
        raise UpstreamRefusal(reply)
    if reply.code != 220 or not link.is_open or link.is_being_told:  # nobody may speak before we do
        link.abandon()
        raise UpstreamFault(Fault.UPSTREAM_NONSENSE, "greeting")
    return link


def _take_over(client: aiosmtplib.SMTP, destination: Destination, owner: UpstreamOwner) -> UpstreamLink:
    transport = cast(asyncio.Transport, client.transport)
    protocol = client.protocol
    if protocol is None or protocol._buffer:  # nobody may speak before we do
        client.close()
        raise UpstreamFault(Fault.UPSTREAM_NONSENSE, "spoke out of turn")
    link = _RegisteredLink(owner, destination.reply_seconds)
    link.connection_made(transport)
    transport.set_protocol(link)
    client.protocol = client.transport = None
    client.close()
    return link


class _RegisteredLink(UpstreamLink):
    """An UpstreamLink whose ends are known while it lives."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Under TLS half a megabyte would wait unseen otherwise.
        self._transport.set_write_buffer_limits(high=PIECE)
        self._ends = _ends(transport.get_extra_info("sockname"), transport.get_extra_info("peername"))
        _own_connections.add(self._ends)

    def connection_lost(self, error: Exception | None) -> None:
        _own_connections.discard(self._ends)
        super().connection_lost(error)


def _fault_of(error: BaseException, destination: Destination) -> Fault:
    if isinstance(error, UpstreamFault):
        return error.fault
    if destination.security != "none" and any(map(_speaks_of_tls, _causes(error))):
        return Fault.UPSTREAM_UNTRUSTED
    if any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
        return Fault.UPSTREAM_UNKNOWN
    if destination.security == "starttls" and not isinstance(error, aiosmtplib.SMTPConnectError | OSError):
        return Fault.UPSTREAM_UNTRUSTED  # STARTTLS not offered, or refused
    return Fault.UPSTREAM_UNREACHABLE


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _speaks_of_tls(error: BaseException) -> bool:
    # A peer that cannot agree on a version or cipher often just hangs up, in the middle of the handshake.
    hung_up = aiosmtplib.SMTPServerDisconnected | ConnectionResetError | ConnectionAbortedError
    return isinstance(error, ssl.SSLError | ssl.CertificateError | hung_up)


def _refusal_at_greeting(code: int, message: str) -> Reply:
    """The upstream's own words when they are a refusal; anything else at this place makes no sense."""
    if not 400 <= code <= 599:
        raise UpstreamFault(Fault.UPSTREAM_NONSENSE, "greeting") from None
    lines = message.encode("utf-8", "surrogateescape").split(b"\n")
    raw = b"".join(b"%d-%s\r\n" % (code, line) for line in lines[:-1]) + b"%d %s\r\n" % (code, lines[-1])
    try:
        return ReplyReader().feed(raw)[0]
    except (Nonsense, IndexError):
        return compose(code, "", "refused")


async def greet(link: UpstreamLink, line: bytes) -> Reply:
    """Sends the client's own EHLO or HELO line and remembers what the upstream offers."""
    reply = await link.ask(line)
    if reply.is_positive and line[:1] in b"Ee":
        link.capabilities = capabilities_of(reply)
    return reply
