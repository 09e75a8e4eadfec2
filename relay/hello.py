"""EHLO and HELO: connects to the upstream, says the client's own words there, and mirrors the answer. STARTTLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay.capabilities import OWN_MECHANISMS, Offer, mirrored
from relay.dialing import dial, greet
from relay.replies import Reply, UpstreamRefusal, compose
from relay.transaction import Transaction
from relay.upstream import UpstreamLink

if TYPE_CHECKING:
    from relay.session import Session


async def say(session: Session, line: bytes) -> None:
    """Answers the client's EHLO or HELO."""
    try:
        reply = await _greet_upstream(session, line)
    except UpstreamRefusal as refusal:
        session.say(refusal.reply)
        return
    if reply.is_positive:
        session.hello = line
        session.transaction = Transaction()
        if line[:1] in b"Ee" and session.link is not None:
            reply = mirrored(session.link.capabilities, offer_of(session))
    session.answer(reply)


async def _greet_upstream(session: Session, line: bytes) -> Reply:
    link = session.link
    if link is None or not link.is_open:
        link = await _connect(session, line)
        session.link = link
    return await greet(link, line)


async def _connect(session: Session, line: bytes) -> UpstreamLink:
    name = line.partition(b" ")[2].strip().decode("ascii", "replace")
    link = await dial(session.around.destination(), session, name)
    if session.is_over:
        link.leave()
        raise ConnectionResetError
    return link


def offer_of(session: Session) -> Offer:
    around, client = session.around, session.client
    return Offer(
        size_limit=around.limits.message_size,
        starttls=around.certificate is not None and not client.is_encrypted and not around.is_implicit_tls,
        login=client.is_encrypted or not around.is_exposed,
        own_mechanisms=OWN_MECHANISMS if around.accounts is not None else (),
    )


async def again(session: Session, line: bytes) -> None:
    """The upstream has left between two messages: connects anew and then passes the MAIL line on."""
    if session.is_logged_in and session.around.accounts is None:
        session.finish_with(compose(421, "4.4.2", "The mail server has closed the connection"))
        return
    try:
        reply = await _greet_upstream(session, session.hello)
    except UpstreamRefusal as refusal:
        session.say(refusal.reply)
        return
    if not reply.is_positive or session.link is None:
        session.say(reply)
        return
    session.transaction = Transaction()
    answer = await session.link.ask(line)
    session.transaction.mail_answered(line, answer)
    session.answer(answer)


async def encrypt(session: Session) -> None:
    """STARTTLS. What was said in clear counts for nothing afterwards (RFC 3207 section 4.2)."""
    if not await session.client.start_tls():
        raise ConnectionResetError
    if session.link is not None and session.is_logged_in:
        session.link.leave()
        session.link = None
    session.hello = b""
    session.login = ""
    session.is_logged_in = False
    session.transaction = Transaction()
