"""A Conversation over an UpstreamLink: commands and content, one after the other, for whoever delivers copies."""

from __future__ import annotations

import asyncio

from relay.capabilities import Capabilities
from relay.data_reader import stuffed
from relay.destination import Credentials
from relay.failpoints import failpoint
from relay.outlet import END_MARK
from relay.replies import Fault, Reply, UpstreamFault
from relay.upstream import UpstreamLink


class LinkConversation:
    """``final_seconds`` is how long the reply to a final dot may take."""

    def __init__(self, link: UpstreamLink, final_seconds: float) -> None:
        self._link = link
        self._final_seconds = final_seconds
        self.is_logged_in = False
        self.account: Credentials | None = None
        self.offered: Capabilities | None = link.capabilities

    async def ask(self, line: bytes) -> Reply:
        return await self._link.ask(line)

    async def ask_data(self) -> Reply:
        return await self._link.ask_data()

    async def deliver(self, content: bytes) -> Reply:
        # Content and dot leave apart, so that the failpoint between them is a place that exists.
        await self._link.write_all(stuffed(content))
        failpoint("delivery.before-dot")
        verdict = asyncio.ensure_future(self._link.ask_raw(END_MARK, self._final_seconds))
        await asyncio.sleep(0)  # the dot is on its way
        failpoint("delivery.after-dot")
        reply = await verdict
        if not reply.is_verdict:
            self._link.abandon()
            raise UpstreamFault(Fault.UPSTREAM_NONSENSE, "answer to the final dot")
        return reply

    def answer(self, reply: Reply) -> bool:
        return False  # no client is waiting
