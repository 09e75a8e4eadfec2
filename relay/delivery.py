"""One copy, one upstream transaction: what was sent, what the upstream said, and what that means.

Decides what a reply is worth; knows neither spool nor ledger nor how the session was made. A copy has arrived only
when the upstream said 2yz to the final dot. A connection lost before the dot means that nothing was sent; lost after
it, that nobody knows: the copy is in doubt. What RSET brings changes no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from relay.failpoints import failpoint
from relay.replies import Reply


class SessionLost(ConnectionError):
    """The session cannot be used any more; what was not answered by then was not accepted, save after the dot."""


class CopySession(Protocol):
    """An upstream session with nothing under way. Every method may raise SessionLost."""

    async def begin(self, mail: bytes) -> Reply:
        """The client's MAIL line, with exactly these octets."""

    async def recipient(self, rcpt: bytes) -> Reply:
        """The client's RCPT line, with exactly these octets."""

    async def open_data(self) -> Reply:
        """DATA; 354 means go on."""

    async def write_body(self, chunk: bytes) -> None:
        """A piece of the content, in which every line end is CRLF; dots are stuffed by the session."""

    async def end_data(self) -> Reply:
        """The final dot, and the reply to it."""

    async def reset(self) -> None:
        """RSET; raises nothing but SessionLost."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The upstream has the copy."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Refused:
    """The upstream does not want the copy, for now (4yz) or for good (5yz)."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class NotSent:
    """The session was lost before the final dot: nothing was delivered."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """The session was lost between the final dot and its reply."""


Outcome = Accepted | Refused | NotSent | Doubtful


async def deliver_copy(session: CopySession, mail: bytes, rcpt: bytes, content: Iterable[bytes]) -> Outcome:
    """Send one copy to one recipient and say what came of it. Leaves the session ready for the next transaction,
    or lost. Raises only what ``content`` raises, having lost the session, since half a message cannot be ended."""
    try:
        refusal = await _announce(session, mail, rcpt)
        if refusal is not None:
            await _reset_quietly(session)
            return Refused(refusal)
        for chunk in content:
            await session.write_body(chunk)
            failpoint("delivery.in-body")
        failpoint("delivery.before-dot")
    except SessionLost:
        return NotSent()
    try:
        reply = await session.end_data()
    except SessionLost:
        return Doubtful()
    failpoint("delivery.after-reply")
    return Accepted(reply) if reply.is_positive else Refused(reply)


async def _announce(session: CopySession, mail: bytes, rcpt: bytes) -> Reply | None:
    """MAIL, RCPT and DATA; the reply that refused, or None when the content may be sent."""
    failpoint("delivery.before-mail")
    reply = await session.begin(mail)
    if not reply.is_positive:
        return reply
    failpoint("delivery.after-mail")
    reply = await session.recipient(rcpt)
    if not reply.is_positive:
        return reply
    failpoint("delivery.after-recipient")
    reply = await session.open_data()
    return None if reply.code == 354 else reply


async def _reset_quietly(session: CopySession) -> None:
    try:
        await session.reset()
    except SessionLost:
        pass  # the next transaction will find out; the refusal stands
