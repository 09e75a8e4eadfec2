"""One copy, one upstream transaction: what was sent, what the upstream said, and what that means.

Decides what a reply is worth; knows neither spool nor ledger nor how the session was made. A copy has arrived only
when the upstream said 2yz to the final dot. A session lost before the content means that nothing was sent; one lost
in it, that nobody knows: the copy is in doubt. What RSET brings changes no verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.failpoints import failpoint
from relay.ports import Conversation
from relay.replies import Reply, UpstreamFault


@dataclass(frozen=True, slots=True)
class Accepted:
    """The upstream has the copy."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Refused:
    """The upstream does not want the copy, for now (4yz) or for good (5yz)."""

    reply: Reply

    @property
    def for_good(self) -> bool:
        # 503 speaks of the order of commands, never of a recipient: another session may fare better.
        return self.reply.code >= 500 and self.reply.code != 503

    @property
    def ends_session(self) -> bool:
        return self.reply.code == 421  # RFC 5321 section 3.8: the server closes after it


@dataclass(frozen=True, slots=True)
class NotSent:
    """The session was lost before the content: nothing was delivered."""

    fault: UpstreamFault


@dataclass(frozen=True, slots=True)
class Doubtful:
    """The session was lost while the content or its reply was under way."""

    fault: UpstreamFault


Outcome = Accepted | Refused | NotSent | Doubtful


async def deliver_copy(session: Conversation, mail: bytes, rcpt: bytes, content: bytes) -> Outcome:
    """Send one copy to one recipient; ``mail`` and ``rcpt`` are whole command lines.

    The session has nothing under way when this begins, and again when it ends with Accepted or Refused (unless that
    ``ends_session``); after the other outcomes it is lost.
    """
    try:
        refusal = await _announce(session, mail, rcpt)
    except UpstreamFault as fault:
        return NotSent(fault)
    if refusal is not None:
        if not refusal.ends_session:
            await reset_quietly(session)
        return refusal
    failpoint("delivery.before-content")
    try:
        reply = await session.deliver(content)
    except UpstreamFault as fault:
        return Doubtful(fault)
    failpoint("delivery.after-reply")
    if reply.is_positive:
        return Accepted(reply)
    refusal = Refused(reply)
    if not refusal.ends_session:
        await reset_quietly(session)  # Postfix keeps the envelope of a message refused at its end
    return refusal


async def _announce(session: Conversation, mail: bytes, rcpt: bytes) -> Refused | None:
    """MAIL, RCPT and DATA; the refusal, or None when the content may follow."""
    failpoint("delivery.before-mail")
    reply = await session.ask(mail)
    if not reply.is_positive:
        return Refused(reply)
    failpoint("delivery.after-mail")
    reply = await session.ask(rcpt)
    if not reply.is_positive:
        return Refused(reply)
    failpoint("delivery.after-recipient")
    reply = await session.ask_data()
    return None if reply.code == 354 else Refused(reply)


async def reset_quietly(session: Conversation) -> None:
    """RSET. A session that is lost by it shows that in the next transaction; no verdict hangs on it."""
    try:
        await session.ask(b"RSET")
    except UpstreamFault:
        pass
