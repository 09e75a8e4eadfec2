"""What most people would write: aiosmtpd receives a whole message, aiosmtplib sends it on. One upstream per client.

On asyncio's own event loop, as it comes; with ``uvloop`` as second argument on that.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import aiosmtplib
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

logging.disable(logging.INFO)


class PassesOn:
    def __init__(self, port: int) -> None:
        self.port = port

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        upstream: Any = getattr(session, "upstream", None)
        if upstream is None:
            upstream = aiosmtplib.SMTP(
                hostname="127.0.0.1", port=self.port, start_tls=False, local_hostname="stock.example.com"
            )
            await upstream.connect()
            session.upstream = upstream
        content, sender, recipients = envelope.content, envelope.mail_from, envelope.rcpt_tos
        assert isinstance(content, bytes)
        assert sender is not None
        await upstream.mail(sender)
        for recipient in recipients:
            await upstream.rcpt(recipient)
        reply = await upstream.data(content)
        return f"{reply.code} {reply.message}"


class Connection(SMTP):
    """Closes the upstream session with the client's."""

    def connection_lost(self, error: Exception | None) -> None:
        upstream = getattr(self.session, "upstream", None)
        if upstream is not None:
            upstream.close()
        super().connection_lost(error)


async def main() -> None:
    handler = PassesOn(int(sys.argv[1]))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(handler, hostname="stock.example.com", data_size_limit=None, loop=loop), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main()) if sys.argv[2:] == ["uvloop"] else asyncio.run(main())
