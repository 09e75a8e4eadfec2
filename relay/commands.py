"""What each command does: what the relay checks itself, what it refuses, and what it passes on as it is.

The upstream judges addresses, parameters and the order of commands. The relay checks only who may speak, its own
limits, and where a message begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from relay import authentication, hello
from relay.command_lines import COMMAND_OCTETS, declared_size, is_too_long, path_of
from relay.message_phase import MessagePhase
from relay.own_connections import is_own_connection
from relay.replies import Fault, Refusal, Reply, compose
from relay.transaction import Transaction
from relay.upstream import UpstreamLink

if TYPE_CHECKING:
    from relay.session import Session

LEAVE_SECONDS = 5.0
# Commands of extensions that are never offered: their effects would go past the relay or speak in its name.
_NOT_KEPT = frozenset((b"XCLIENT", b"XFORWARD", b"ETRN", b"TURN", b"ATRN", b"BURL", b"SEND", b"SOML", b"SAML"))
_UNKNOWN_YET = {
    b"VRFY": compose(252, "2.5.0", "Cannot be verified before EHLO; send a message and see"),
    b"EXPN": compose(252, "2.5.0", "Cannot be expanded before EHLO; send a message and see"),
    b"HELP": compose(214, "2.0.0", "Begin with EHLO; RFC 5321 tells the rest"),
}
# What follows these are no commands: the octets of a message, or what a web page has a browser send to a port of this
# machine. That page could send mail once the lines of the request's header are through, which are but errors here.
_LAST = frozenset(b"BDAT GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT TRACE".split())


def execute(session: Session, line: bytes) -> None:
    verb = line.partition(b" ")[0].upper()
    if b"\t" in verb:  # behind a verb blanks of any kind are tolerated (RFC 5321 section 4.1.1)
        verb = verb.partition(b"\t")[0]
    act = _COMMANDS.get(verb)
    if act is None and verb in _LAST:
        session.refuse_session(Refusal.COMMAND_NOT_KEPT)
    elif len(line) + 2 > COMMAND_OCTETS and is_too_long(verb, line):
        session.refuse(Refusal.COMMAND_TOO_LONG)
    elif act is not None:
        act(session, line)
    else:
        session.refuse(Refusal.COMMAND_NOT_KEPT if verb in _NOT_KEPT else Refusal.UNKNOWN_COMMAND)


def _hello(session: Session, line: bytes) -> None:
    if not line[4:].strip():
        session.refuse(Refusal.BAD_ARGUMENT)
    elif is_own_connection(session.client.peer, session.client.own_end):
        session.refuse_session(Refusal.LOOP)
    else:
        hello.say(session, line)


def _starttls(session: Session, line: bytes) -> None:
    if session.around.certificate is None or session.around.is_implicit_tls:
        session.refuse(Refusal.NO_TLS)
    elif session.client.is_encrypted:
        session.refuse(Refusal.TLS_ACTIVE)
    elif line[8:].strip():
        session.refuse(Refusal.BAD_ARGUMENT)
    elif session.lines.waiting:
        session.refuse_session(Refusal.INJECTED_AFTER_STARTTLS)
    else:
        _alone(session, lambda: session.run(hello.encrypt(session)))


def _auth(session: Session, line: bytes) -> None:
    _alone(session, lambda: _log_in(session, line))


def _log_in(session: Session, line: bytes) -> None:
    refusal = authentication.refusal_of(session, line)
    if refusal is not None:
        session.is_busy = False
        session.refuse(refusal)
    else:
        session.run(authentication.log_in(session, line))


def _alone(session: Session, act: Callable[[], None]) -> None:
    """Does what speaks to the client itself, once all replies that the upstream owes have come; commands wait."""
    session.is_busy = True
    if session.link is not None:
        session.link.in_turn(act)
    else:
        act()


def _mail(session: Session, line: bytes) -> None:
    if not _may_speak(session):
        return
    if session.around.is_stopping:
        session.finish_in_turn(session.incident(Fault.STOPPING))
        return
    if line.upper().find(b"SIZE") != -1:
        size = declared_size(path_of(line))
        if isinstance(size, Refusal):
            session.refuse(size)
            return
        if size is not None and size > session.around.most_octets:
            session.refuse(Refusal.TOO_LARGE)
            return
    link = session.link
    if link is None or not link.is_open:
        hello.again(session, line)
        return
    session.transaction.mail_sent(line)

    def answered(reply: Reply) -> None:
        session.transaction.mail_answered(line, reply)
        session.answer(reply)

    link.send(line + b"\r\n", answered)


def _rcpt(session: Session, line: bytes) -> None:
    if not _may_speak(session):
        return
    if session.transaction.recipients >= session.around.most_recipients:
        session.refuse(Refusal.TOO_MANY_RECIPIENTS, counts=False)
        return
    session.transaction.recipient_sent()

    def answered(reply: Reply) -> None:
        session.transaction.recipient_answered(line, reply)
        session.answer(reply)

    session.pass_on(line, answered)


def _data(session: Session, line: bytes) -> None:
    link = session.link
    if not _may_speak(session) or link is None:
        return
    session.is_busy = True
    if session.transaction.recipients > 1 and link.is_open:
        link.in_turn(lambda: _begin_data(session, line, link))
    else:
        _begin_data(session, line, link)


def _begin_data(session: Session, line: bytes, link: UpstreamLink) -> None:
    if len(session.transaction.accepted) > 1:
        _data_answered(session, compose(354, "", "End data with <CR><LF>.<CR><LF>"), is_open=False)
    else:
        link.send_data(lambda reply: _data_answered(session, reply), line)


def _data_answered(session: Session, reply: Reply, is_open: bool = True) -> None:
    session.is_busy = False
    if reply.code != 354 or session.link is None:
        session.answer(reply)
        if session.lines.waiting:  # the client did not wait, and now its message would be read as commands
            session.refuse_session(Refusal.TALKS_BEFORE_354)
        return
    session.client.write(reply.raw)
    session.is_busy = True
    session.phase = MessagePhase(session, session.link, is_open)
    rest = session.take_rest()
    if rest:
        session.phase.received(rest)
    session.content_may_end_early()


def _asked(session: Session, line: bytes) -> None:
    """VRFY, EXPN, HELP, which may be asked before the greeting too (RFC 5321 section 4.1.4), when nobody knows yet."""
    if not session.hello and not session.around.must_log_in:
        session.say(_UNKNOWN_YET[line[:4].upper()])
    elif _may_speak(session):
        session.pass_on(line)


def _reset(session: Session, line: bytes) -> None:
    if session.link is None or not session.link.is_open:
        session.transaction = Transaction()
        session.say(compose(250, "2.0.0", "OK"))
    else:

        def answered(reply: Reply) -> None:
            session.transaction.reset()
            session.answer(reply)

        session.pass_on(line, answered)


def _noop(session: Session, line: bytes) -> None:
    if session.link is None or not session.link.is_open:
        session.say(compose(250, "2.0.0", "OK"))
    else:
        session.pass_on(line)


def _quit(session: Session, line: bytes) -> None:
    session.is_busy = True
    if session.link is None or not session.link.is_open:
        session.finish_with(compose(221, "2.0.0", "Bye"))
    else:
        session.link.send(line + b"\r\n", lambda reply: _quit_answered(session, reply), LEAVE_SECONDS)


def _quit_answered(session: Session, reply: Reply) -> None:
    if session.link is not None and not reply.fault:
        session.link.hang_up()
    session.finish_with(compose(221, "2.0.0", "Bye") if reply.fault else reply)


def _may_speak(session: Session) -> bool:
    if session.hello and not session.around.must_log_in:
        return True  # nor is it exposed
    refusal = None
    if session.around.is_exposed and not session.client.is_encrypted:
        refusal = Refusal.TLS_FIRST
    elif not session.hello:
        refusal = Refusal.HELLO_FIRST if not session.around.must_log_in else Refusal.AUTH_FIRST
    elif session.around.must_log_in and not session.is_logged_in:
        refusal = Refusal.AUTH_FIRST
    if refusal is not None:
        session.refuse(refusal)
    return refusal is None


_COMMANDS: dict[bytes, Callable[[Session, bytes], None]] = {
    b"EHLO": _hello,
    b"HELO": _hello,
    b"STARTTLS": _starttls,
    b"AUTH": _auth,
    b"MAIL": _mail,
    b"RCPT": _rcpt,
    b"DATA": _data,
    b"RSET": _reset,
    b"NOOP": _noop,
    b"VRFY": _asked,
    b"EXPN": _asked,
    b"HELP": _asked,
    b"QUIT": _quit,
}
