"""Listens for mail clients, with aiosmtpd's controller; stops gracefully. Knows no policy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiosmtpd.controller import UnthreadedController

from ledger.message_id import MessageId
from relay import logbook
from relay.connection import ClientConnection
from relay.doorway import Doorway
from relay.rewriting_pool import RewritingPool
from relay.spool_wiring import SpoolSide
from relay.surroundings import Surroundings
from relay.tls import CertificateFault

BACKLOG = 1024
CERTIFICATE_SECONDS = 20.0
GRACE_SECONDS = 30.0
DOUBT_SECONDS = 3.0  # for putting on record what is in doubt when the grace is over


class ListeningPort(UnthreadedController):
    """One ``[[listener]]``; ``port`` is the real one after ``open``."""

    server: asyncio.Server | None

    def __init__(self, around: Surroundings, host: str, port: int) -> None:
        super().__init__(None, hostname=host, port=port, loop=asyncio.get_running_loop())
        self.around = around

    def factory(self) -> asyncio.Protocol:
        return Doorway(self.around) if self.around.is_implicit_tls else ClientConnection(self.around)

    async def open(self) -> None:
        """Raises OSError when the address cannot be had."""
        self.server = await self.loop.create_server(
            self.factory,
            host=self.hostname or None,
            port=self.port,
            backlog=BACKLOG,
        )
        self.port = self.server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None


class Server:
    """All listeners of the process."""

    def __init__(
        self, ports: Sequence[ListeningPort], spool: SpoolSide | None = None, rewriting: RewritingPool | None = None
    ) -> None:
        self.ports = ports
        self.spool = spool
        self._rewriting = rewriting
        self._watch: asyncio.Task[None] | None = None

    @property
    def spooled(self) -> tuple[MessageId, ...]:
        """The messages that wait in the spool."""
        return () if self.spool is None else tuple(one.header.id for one in self.spool.spool.present())

    async def start(self) -> None:
        if self.spool is not None:
            await self.spool.start()
        for port in self.ports:
            await port.open()
            around = port.around
            security = "none" if around.certificate is None else "tls" if around.is_implicit_tls else "starttls"
            logbook.listening(around.listener, str(port.hostname), port.port, security)
        self._watch = asyncio.create_task(self._watch_certificates())

    async def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """New clients hear 421, messages under way are finished; what is not done after the grace is cut off."""
        if self._watch is not None:
            self._watch.cancel()
        sessions = [session for port in self.ports for session in port.around.sessions]
        logbook.stopping(len(sessions))
        for port in self.ports:
            port.around.is_stopping = True
        for session in sessions:
            session.stop()
        await self._until_all_gone(grace_seconds)
        for port in self.ports:
            for session in list(port.around.sessions):
                session.cut()
        await self._until_all_gone(DOUBT_SECONDS)
        for port in self.ports:
            await port.around.all_done()
        for port in self.ports:
            port.close()
        if self.spool is not None:
            await self.spool.stop()
        if self._rewriting is not None:
            self._rewriting.close()

    async def _until_all_gone(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                for port in self.ports:
                    await port.around.sessions.until_empty()
        except TimeoutError:
            pass

    async def _watch_certificates(self) -> None:
        while True:
            await asyncio.sleep(CERTIFICATE_SECONDS)
            self.refresh_certificates()

    def refresh_certificates(self) -> None:
        for port in self.ports:
            certificate = port.around.certificate
            try:
                if certificate is not None and certificate.refresh():
                    logbook.certificate_reloaded(port.around.listener)
            except CertificateFault:
                logbook.certificate_unusable(port.around.listener)
