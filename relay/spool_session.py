"""A session of the spool's own with an upstream, for copies whose client has long gone.

Connects, encrypts and logs in as every upstream session does (relay/dialing.py) and says EHLO, or HELO to who knows no
other greeting, in the relay's own name. Where the relay has no account nobody logs in, as the client did not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relay.capabilities import capabilities_of
from relay.destination import Destination
from relay.dialing import dial
from relay.link_conversation import LinkConversation
from relay.ports import Conversation
from relay.replies import Fault, Reply, UpstreamRefusal, for_fault

NOT_KNOWN = (500, 502)  # who does not know EHLO is greeted with HELO (RFC 5321 section 3.2)


class _Nobody:
    """Owns a link whose replies are all awaited: beside them there is nothing to be told."""

    def upstream_answers(self) -> None:
        pass

    def upstream_answered(self, several: bool) -> None:
        pass

    def upstream_lost(self, fault: Fault, said: Reply | None) -> None:
        pass

    def upstream_full(self, is_full: bool) -> None:
        pass

    def incident(self, fault: Fault, detail: str = "") -> Reply:
        return for_fault(fault, "spool")

    def broke(self, error: Exception) -> None:
        raise error  # nothing here deals with replies but futures


@asynccontextmanager
async def spool_session(destination: Destination, hostname: str, final_seconds: float) -> AsyncIterator[Conversation]:
    """A session ready for MAIL. Raises UpstreamFault, or UpstreamRefusal when the upstream will not talk to us."""
    link = await dial(destination, _Nobody(), hostname)
    try:
        name = hostname.encode("ascii")
        reply = await link.ask(b"EHLO " + name)
        if reply.is_positive:
            link.capabilities = capabilities_of(reply)
        elif reply.code in NOT_KNOWN:
            reply = await link.ask(b"HELO " + name)
        if not reply.is_positive:
            raise UpstreamRefusal(reply)
        yield LinkConversation(link, final_seconds)
    finally:
        link.leave()
