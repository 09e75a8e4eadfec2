"""A session of the spool's own with an upstream, for copies whose client has long gone.

Connects, encrypts and logs in as every upstream session does (relay/dialing.py) and says EHLO in the relay's own
name. Where the relay has no account nobody logs in, as the client did not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from relay.data_reader import stuffed
from relay.dialing import Destination, dial, greet
from relay.failpoints import failpoint
from relay.ports import Conversation
from relay.replies import Fault, Reply, UpstreamRefusal, for_fault
from relay.upstream import UpstreamLink

END_MARK = b".\r\n"


class LinkConversation:
    """A Conversation over an UpstreamLink that nobody else uses."""

    def __init__(self, link: UpstreamLink, final_seconds: float) -> None:
        self._link = link
        self._final_seconds = final_seconds

    async def ask(self, line: bytes) -> Reply:
        return await self._link.ask(line)

    async def deliver(self, content: bytes) -> Reply:
        # Content and dot leave as two writes, so that the failpoint between them is a place that exists.
        self._link.write(stuffed(content))
        failpoint("delivery.before-dot")
        return await self._link.ask_raw(END_MARK, self._final_seconds)

    def answer(self, reply: Reply) -> bool:
        return False  # no client is waiting


class _Nobody:
    """Owns a link whose replies are all awaited: beside them there is nothing to be told."""

    def upstream_answered(self, several: bool, begin: bool) -> None:
        pass

    def upstream_lost(self, fault: Fault, said: Reply | None) -> None:
        pass

    def upstream_full(self, is_full: bool) -> None:
        pass

    def incident(self, fault: Fault) -> Reply:
        return for_fault(fault, "spool")


@asynccontextmanager
async def spool_session(
    destination: Callable[[], Destination], hostname: str, final_seconds: float
) -> AsyncIterator[Conversation]:
    """A session ready for MAIL. Raises UpstreamFault, or UpstreamRefusal when the upstream will not talk to us."""
    link = await dial(destination(), _Nobody(), hostname)
    try:
        reply = await greet(link, b"EHLO " + hostname.encode("ascii"))
        if not reply.is_positive:
            raise UpstreamRefusal(reply)
        yield LinkConversation(link, final_seconds)
    finally:
        link.leave()
