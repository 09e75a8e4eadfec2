"""EHLO and HELO: connects to the upstream, says the client's own words there, and mirrors the answer. STARTTLS.

With ``login = "account"`` the relay logs in there only for a client that has logged in here: else any stranger could
wear out the logins that the upstream allows to that account.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from relay import own_account
from relay.capabilities import Capabilities, mirrored
from relay.dialing import greet, open_link
from relay.opening import Opened
from relay.replies import Fault, Refusal, Reply
from relay.transaction import Transaction
from relay.upstream import OnReply, UpstreamLink

if TYPE_CHECKING:
    from relay.session import Session


_OFFERS_LESS = "the upstream offers less than before"


def say(session: Session, line: bytes) -> None:
    """Answers the client's EHLO or HELO."""
    if _has_lost_its_login(session):
        session.finish_with(session.incident(Fault.UPSTREAM_LEFT))
        return

    def answered(reply: Reply) -> None:
        if reply.is_positive:
            session.hello = line
            session.transaction = Transaction()
            session.told = Capabilities()  # HELO offers nothing
            if line[:1] in b"Ee" and session.link is not None:
                session.told = session.link.capabilities
                around, is_encrypted = session.around, session.client.is_encrypted
                offer = around.offer_encrypted if is_encrypted else around.offer_in_clear
                reply = mirrored(session.link.capabilities, offer)
        session.answer(reply)
        session.release()

    _greet_upstream(session, line, answered, session.is_logged_in)


def again(session: Session, mail: bytes) -> None:
    """The upstream has left between two messages: connects anew and then passes the MAIL line on.

    A client that was told of more than the new machine offers has to connect anew itself: else it would hear for good
    that a parameter is not known which it was offered.
    """
    if _has_lost_its_login(session):
        session.finish_with(session.incident(Fault.UPSTREAM_LEFT))
        return

    def greeted(reply: Reply) -> None:
        if reply.is_positive and _offers_less(session):
            session.finish_with(session.incident(Fault.UPSTREAM_LEFT, _OFFERS_LESS))
        elif reply.is_positive and session.link is not None:
            session.transaction = Transaction()
            session.link.send(mail + b"\r\n", answered)
        else:
            _leave_ungreeted(session)
            session.answer(reply)
            session.release()

    def answered(reply: Reply) -> None:
        session.transaction.mail_answered(mail, reply)
        session.answer(reply)
        session.release()

    _greet_upstream(session, session.hello, greeted, session.is_logged_in)


async def anew(session: Session) -> Reply:
    """Connects again for a client that has greeted before; what there is to say to that."""
    return await _greeted(session, session.is_logged_in)


async def log_in(session: Session) -> Reply:
    """Logs the relay's own account in, for a client that has just shown who it is; what there is to say to that,
    positive when it is done. Raises UpstreamFault."""
    link, destination = session.link, session.around.destination()
    if link is not None and link.is_open and destination.account is not None:
        if session.hello[:1] in b"Ee":
            return await own_account.log_in(link, destination.account, destination.connect_seconds)
        link.leave()  # who was greeted with HELO has not said how one logs in
    return await _greeted(session, with_account=True)


async def _greeted(session: Session, with_account: bool) -> Reply:
    heard: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def hear(reply: Reply) -> None:
        if not heard.done():
            heard.set_result(reply)

    _greet_upstream(session, session.hello, hear, with_account)
    reply = await heard
    if reply.is_positive and _offers_less(session):
        return session.incident(Fault.UPSTREAM_LEFT, _OFFERS_LESS)
    if not reply.is_positive:
        _leave_ungreeted(session)
    return reply


def _leave_ungreeted(session: Session) -> None:
    """What has not been greeted takes no MAIL, and where the relay's own account is logged in, no login either: the
    next of these connects again. Until then the client may use what it was told of."""
    if session.link is not None:
        session.link.leave()
        session.link.capabilities = session.told


def _offers_less(session: Session) -> bool:
    return session.link is not None and not session.link.capabilities.keeps(session.told)


def _has_lost_its_login(session: Session) -> bool:
    """Whether the client counts as logged in and is not any more: its link was dropped, and no password is kept."""
    is_linked = session.link is not None and session.link.is_open
    return session.is_logged_in and session.around.accounts is None and not is_linked


def _greet_upstream(session: Session, hello: bytes, answered: OnReply, with_account: bool) -> None:
    """``answered`` gets what the upstream says to that, or what there is to say instead. The client waits.
    ``with_account``: where a connection has to be made, the relay's own account logs in on it, if there is one."""
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

    name, destination = hello[4:].strip().decode("ascii", "replace"), session.around.destination()
    if destination.account is not None and not with_account:
        destination = replace(destination, account=None)
    session.opening = open_link(destination, session, name, opened)


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
