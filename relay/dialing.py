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


# The local ends of this process's upstream connections: a client that connects from one of them is the relay itself.
_own_ends: set[tuple[str, int]] = set()


def is_own_end(peer: object) -> bool:
    return isinstance(peer, tuple) and peer[:2] in _own_ends


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


def _take_over(client: aiosmtplib.SMTP, destination: Destination, owner: UpstreamOwner) -> UpstreamLink:
    transport = cast(asyncio.Transport, client.transport)
    protocol = client.protocol
    if protocol is None or protocol._buffer:  # nobody may speak before we do
        client.close()
        raise UpstreamFault(Fault.UPSTREAM_NONSENSE, "spoke out of turn")
    transport.set_write_buffer_limits(high=PIECE)  # under TLS half a megabyte would wait unseen
    end = transport.get_extra_info("sockname")
    link = _RegisteredLink(transport, owner, destination.reply_seconds, end)
    transport.set_protocol(link)
    client.protocol = client.transport = None
    client.close()
    return link


class _RegisteredLink(UpstreamLink):
    """An UpstreamLink whose local end is known while it lives."""

    def __init__(self, transport: asyncio.Transport, owner: UpstreamOwner, seconds: float, end: object) -> None:
        super().__init__(transport, owner, seconds)
        self._end = cast("tuple[str, int]", end[:2]) if isinstance(end, tuple) else ("", 0)
        _own_ends.add(self._end)

    def connection_lost(self, error: Exception | None) -> None:
        _own_ends.discard(self._end)
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
