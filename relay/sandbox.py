"""The sandbox upstream: a small SMTP server on loopback that files mail in the outbox instead of sending it.

The relay talks to it over a real socket as to any server, so what works against it works elsewhere. It offers what a
good server offers, accepts every login and every recipient, and says 250 when the disk has the message.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from ledger.outbox import Outbox

LOOPBACK = "127.0.0.1"
# Beyond what the relay takes, so that what it took and rewrote fits too: 10,000 links a part (html_spans.py) that each
# grow by a token and by their destination, percent-encoded.
ROOM_FOR_REWRITING = 16 * 2**20

# aiosmtpd writes commands, and after a refused AUTH the line with the password, to this logger.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)
log = logging.getLogger("mailglass.sandbox")


class Sandbox:
    """The server; ``port`` is known after ``start``."""

    def __init__(self, outbox: Outbox, max_bytes: int) -> None:
        self._handler = _Handler(outbox)
        self._max_bytes = max_bytes
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _session(self) -> SMTP:
        return _Server(
            self._handler,
            data_size_limit=self._max_bytes,
            enable_SMTPUTF8=True,
            hostname="sandbox.mailglass.invalid",
            ident="mailglass sandbox: mail is filed, not sent",
            # One timer runs from a command to the end of its data; the relay keeps shorter times itself.
            timeout=3600,
            auth_require_tls=False,
            authenticator=_accept_any_login,
            loop=asyncio.get_running_loop(),
        )


class _Server(SMTP):
    # Real clients write lines beyond the 998 octets of RFC 5322, and the relay's own limit is the one that counts.
    line_length_limit = 2**24

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The library keeps one table for all sessions and empties it at each connection; 4 kB holds any address.
        self.command_size_limits = defaultdict(lambda: 4096)


def _accept_any_login(*_: object) -> AuthResult:
    return AuthResult(success=True)


class _Handler:
    """aiosmtpd's hooks."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        # aiosmtpd understands both, and does not say so.
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw: Any = envelope.content
        sender = "" if envelope.mail_from in (None, "<>") else envelope.mail_from
        try:
            delivery = await asyncio.to_thread(
                self._outbox.deliver, bytes(raw), sender, envelope.rcpt_tos, datetime.now(UTC)
            )
        except OSError as fault:
            log.error("sandbox-cannot-file error=%s", fault.strerror)
            return "452 4.3.1 The sandbox cannot write into its outbox"
        return f"250 2.0.0 Ok: filed in the outbox as {delivery.id}"

    async def handle_exception(self, error: Exception) -> str:
        log.error("sandbox-fault", exc_info=error)
        return "451 4.3.0 The sandbox failed"
