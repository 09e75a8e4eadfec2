"""EHLO and HELO: connects to the upstream, says the client's own words there, and mirrors the answer. STARTTLS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from relay.capabilities import mirrored
from relay.dialing import greet, open_link
from relay.opening import Opened
from relay.replies import Fault, Refusal, Reply
from relay.transaction import Transaction
from relay.upstream import OnReply, UpstreamLink

if TYPE_CHECKING:
    from relay.session import Session


def say(session: Session, line: bytes) -> None:
    """Answers the client's EHLO or HELO."""
    if _has_lost_its_login(session):
        session.finish_with(session.incident(Fault.UPSTREAM_LEFT))
        return

    def answered(reply: Reply) -> None:
        if reply.is_positive:
            session.hello = line
            session.transaction = Transaction()
            if line[:1] in b"Ee" and session.link is not None:
                around, is_encrypted = session.around, session.client.is_encrypted
                offer = around.offer_encrypted if is_encrypted else around.offer_in_clear
                reply = mirrored(session.link.capabilities, offer)
        session.answer(reply)
        session.release()

    _greet_upstream(session, line, answered)


def again(session: Session, mail: bytes) -> None:
    """The upstream has left between two messages: connects anew and then passes the MAIL line on."""
    if _has_lost_its_login(session):
        session.finish_with(session.incident(Fault.UPSTREAM_LEFT))
        return

    def greeted(reply: Reply) -> None:
        if reply.is_positive and session.link is not None:
            session.transaction = Transaction()
            session.link.send(mail + b"\r\n", answered)
        else:
            session.answer(reply)
            session.release()

    def answered(reply: Reply) -> None:
        session.transaction.mail_answered(mail, reply)
        session.answer(reply)
        session.release()

    _greet_upstream(session, session.hello, greeted)


async def anew(session: Session) -> Reply:
    """Connects again for a client that has greeted before; what there is to say to that."""
    heard: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    _greet_upstream(session, session.hello, lambda reply: None if heard.done() else heard.set_result(reply))
    return await heard


def _has_lost_its_login(session: Session) -> bool:
    """Whether the client counts as logged in and is not any more: its link was dropped, and no password is kept."""
    is_linked = session.link is not None and session.link.is_open
    return session.is_logged_in and session.around.accounts is None and not is_linked


def _greet_upstream(session: Session, hello: bytes, answered: OnReply) -> None:
    """``answered`` gets what the upstream says to that, or what there is to say instead. The client waits."""
    session.is_busy = True
    link = session.link
    if link is not None and link.is_open:
        greet(link, hello, answered)
        return

    def opened(outcome: Opened) -> None:
        session.opening = None
        if isinstance(outcome, UpstreamLink):
            session.link = outcome
            greet(outcome, hello, answered)
        else:
            answered(outcome)

    name = hello[4:].strip().decode("ascii", "replace")
    session.opening = open_link(session.around.destination(), session, name, opened)


async def encrypt(session: Session) -> None:
    """STARTTLS. What was said in clear counts for nothing afterwards (RFC 3207 section 4.2)."""
    # Looked at here, with no turn of the loop between this and the 220 after which nothing in clear is taken: what came
    # while replies were owed, or since the last of them, must not be executed as if it had been encrypted.
    if session.lines.waiting:
        session.refuse_session(Refusal.INJECTED_AFTER_STARTTLS)
        return
    if not await session.client.start_tls():
        raise ConnectionResetError
    if session.link is not None and session.is_logged_in:
        session.link.leave()
        session.link = None
    session.hello = b""
    session.login = ""
    session.is_logged_in = False
    session.transaction = Transaction()
