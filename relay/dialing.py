"""Opens sessions with one upstream: connection, greeting and TLS by aiosmtplib, then the bytes are ours. Where there is
neither TLS nor a login of ours, opening.py connects.

Decides when an upstream is trusted: with ``starttls`` and ``tls`` nothing but a verified connection will do, and there
is no falling back. What the upstream sent in clear before the encryption counts for nothing afterwards.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Protocol, cast

import aiosmtplib

from relay.capabilities import capabilities_of
from relay.destination import Destination
from relay.opening import Opened, Opening
from relay.own_connections import RegisteredLink
from relay.reaching import connected
from relay.replies import Fault, Reply, UpstreamFault, UpstreamRefusal, compose
from relay.reply_reader import Nonsense, ReplyReader
from relay.upstream import OnReply, UpstreamLink, UpstreamOwner


class Attempt(Protocol):
    """To open a session."""

    def give_up(self) -> None:
        """Nobody is told."""


def open_link(destination: Destination, owner: UpstreamOwner, name: str, opened: Callable[[Opened], None]) -> Attempt:
    """Begins to open a session, which is ready for the client's EHLO when ``opened`` gets it."""
    if destination.is_plain:
        return Opening(destination, owner, opened)
    return _Dialling(destination, owner, name, opened)


class _Dialling:
    """An attempt that takes a task of its own."""

    def __init__(
        self, destination: Destination, owner: UpstreamOwner, name: str, opened: Callable[[Opened], None]
    ) -> None:
        self._owner = owner
        self._opened = opened
        self._task = asyncio.get_running_loop().create_task(self._dial(destination, name))

    def give_up(self) -> None:
        self._task.cancel()

    async def _dial(self, destination: Destination, name: str) -> None:
        outcome: Opened
        try:
            try:
                outcome = await dial(destination, self._owner, name)
            except UpstreamRefusal as refusal:
                outcome = refusal.reply
            except UpstreamFault as fault:
                outcome = self._owner.incident(fault.fault, str(fault))
            self._opened(outcome)
        except Exception as error:
            self._owner.broke(error)


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
    if destination.is_plain:
        return await _connect_plainly(destination, owner)
    own = await connected(destination.host, destination.port)
    client = aiosmtplib.SMTP(
        hostname=destination.host,
        port=destination.port if own is None else None,
        sock=own,
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
    outcome: asyncio.Future[Opened] = asyncio.get_running_loop().create_future()

    def tell(opened: Opened) -> None:
        if not outcome.done():
            outcome.set_result(opened)
        elif isinstance(opened, UpstreamLink):  # nobody waits for it any more
            opened.abandon()

    opening = Opening(destination, owner, tell)
    try:
        opened = await outcome
    except asyncio.CancelledError:  # it took too long, perhaps in the very turn of the loop in which it was there
        opening.give_up()
        if outcome.done() and not outcome.cancelled():
            late = outcome.result()
            if isinstance(late, UpstreamLink):
                late.abandon()
        raise
    if isinstance(opened, UpstreamLink):
        return opened
    if opened.fault is not None:
        raise UpstreamFault(opened.fault, "greeting")
    raise UpstreamRefusal(opened)


def _take_over(client: aiosmtplib.SMTP, destination: Destination, owner: UpstreamOwner) -> UpstreamLink:
    transport = cast(asyncio.Transport, client.transport)
    protocol = client.protocol
    if protocol is None or protocol._buffer:  # nobody may speak before we do
        client.close()
        raise UpstreamFault(Fault.UPSTREAM_NONSENSE, "spoke out of turn")
    link = RegisteredLink(owner, destination.reply_seconds)
    link.connection_made(transport)
    transport.set_protocol(link)
    client.protocol = client.transport = None
    client.close()
    return link


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


def greet(link: UpstreamLink, line: bytes, answered: OnReply) -> None:
    """Sends an EHLO or HELO line and remembers what the upstream offers."""

    def heard(reply: Reply) -> None:
        if reply.is_positive and line[:1] in b"Ee":
            link.capabilities = capabilities_of(reply)
        answered(reply)

    link.send(line + b"\r\n", heard)
