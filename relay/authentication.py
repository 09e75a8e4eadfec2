"""Logging in: passed through to the upstream line by line, or checked against the relay's own users.

Passing through knows no mechanism; it carries lines until the upstream has decided, so every mechanism works that is
not bound to the TLS connection. A user's name is read from the exchange for the record; a password is never logged, and
forgotten with the line it stood in, unless [spool] keep_credentials says otherwise.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from base64 import b64decode
from contextlib import suppress
from typing import TYPE_CHECKING

from relay import hello, logbook
from relay.capabilities import OWN_MECHANISMS
from relay.command_lines import AUTH_OCTETS
from relay.kept_account import AccountReader
from relay.replies import Refusal, Reply, UpstreamFault, compose, for_refusal

if TYPE_CHECKING:
    from relay.session import Session

_CANCEL = b"*"
_SUCCEEDED = compose(235, "2.7.0", "Authentication successful")


def refusal_of(session: Session, line: bytes) -> Refusal | None:
    """Why this AUTH command is not looked at."""
    if session.around.is_exposed and not session.client.is_encrypted:
        return Refusal.AUTH_NEEDS_TLS
    if not session.hello or session.link is None:
        return Refusal.HELLO_FIRST
    if session.is_logged_in:
        return Refusal.AUTH_DONE
    if session.transaction.is_begun:
        return Refusal.AUTH_IN_MAIL
    words = line.split()
    if len(words) < 2:
        return Refusal.BAD_ARGUMENT
    offered = OWN_MECHANISMS if session.around.accounts is not None else session.link.capabilities.mechanisms
    if not offered:
        return Refusal.COMMAND_NOT_KEPT
    return None if words[1].upper() in {name.upper() for name in offered} else Refusal.AUTH_UNKNOWN


async def log_in(session: Session, line: bytes) -> None:
    """The whole exchange, from the AUTH command to its verdict."""
    logins, address = session.around.logins, session.client.address
    if logins.is_locked(address):
        session.refuse_session(Refusal.AUTH_LOCKED)
        return
    try:
        verdict, login = await (_own_login if session.around.accounts else _passed_through)(session, line)
    except _Locked:
        session.refuse_session(Refusal.AUTH_LOCKED)
        return
    if verdict.code == 235:
        session.is_logged_in, session.login = True, login
        logins.succeeded(address, login)
        session.answer(verdict)
    elif verdict.code in (535, 534, 530, 454):
        logbook.login_failed(session.id)
        session.failed_logins += 1
        if verdict.code != 454:  # the upstream could not tell whether the password is right
            await asyncio.sleep(logins.failed(address, login))
        if session.failed_logins >= logins.attempts:
            session.client.write(verdict.raw)
            session.refuse_session(Refusal.AUTH_LOCKED)
        else:
            session.answer(verdict)
    else:
        session.answer(verdict)


class _Locked(Exception):
    """The name that is tried may not be tried from there now."""


def _refuse_if_locked(session: Session, login: str) -> None:
    if session.around.logins.is_locked_for(session.client.address, login):
        raise _Locked


async def _passed_through(session: Session, line: bytes) -> tuple[Reply, str]:
    words = line.split()
    name = _NameReader(words[1].upper())
    kept = AccountReader(words[1])
    readers: list[_NameReader | AccountReader] = [name, kept] if session.around.keeps_credentials else [name]
    if len(words) > 2:
        for reader in readers:
            reader.see(words[2])
        _refuse_if_locked(session, name.login)
    if session.link is not None and not session.link.is_open:  # it does not wait for ever for somebody to log in
        greeted = await hello.anew(session)
        if not greeted.is_positive:
            return greeted, ""
    link = session.link
    if link is None:
        raise ConnectionResetError
    reply = await link.ask(line)
    while reply.code == 334:
        session.client.write(reply.raw)
        answer = await session.next_line()
        if len(answer) + 2 > AUTH_OCTETS:
            await link.ask(_CANCEL)
            return for_refusal(Refusal.COMMAND_TOO_LONG), ""
        for reader in readers:
            reader.see(answer)
        try:
            _refuse_if_locked(session, name.login)
        except _Locked:
            with suppress(UpstreamFault):
                await link.ask(_CANCEL)
            raise
        reply = await link.ask(answer)
    session.account = kept.account if reply.code == 235 else None
    return reply, name.login


async def _own_login(session: Session, line: bytes) -> tuple[Reply, str]:
    """PLAIN (RFC 4616) and LOGIN against the relay's own users; then the relay's own account logs in upstream."""
    accounts = session.around.accounts
    words = line.split()
    plain = words[1].upper() == b"PLAIN"
    credentials = await (_plain(session, words[2:]) if plain else _login(session, words[2:]))
    if credentials is None or accounts is None:
        return for_refusal(Refusal.AUTH_CANCELLED), ""
    login, password = credentials
    _refuse_if_locked(session, login)
    if not (_is_text(login) and _is_text(password) and await accounts.verify(login, password)):
        return for_refusal(Refusal.AUTH_WRONG), login
    upstream_says = await hello.log_in(session)
    return (_SUCCEEDED, login) if upstream_says.is_positive else (upstream_says, login)


async def _plain(session: Session, initial: list[bytes]) -> tuple[str, str] | None:
    raw = _decoded(initial[0]) if initial else await _ask(session, b"")
    fields = raw.split(b"\0") if raw is not None else []
    if len(fields) != 3 or not fields[1]:
        return None
    return _text(fields[1]), _text(fields[2])


async def _login(session: Session, initial: list[bytes]) -> tuple[str, str] | None:
    name = _decoded(initial[0]) if initial else await _ask(session, b"VXNlcm5hbWU6")
    password = await _ask(session, b"UGFzc3dvcmQ6") if name is not None else None
    return (_text(name), _text(password)) if name and password is not None else None


async def _ask(session: Session, challenge: bytes) -> bytes | None:
    session.client.write(b"334 " + challenge + b"\r\n")
    answer = await session.next_line()
    return None if answer == _CANCEL or len(answer) + 2 > AUTH_OCTETS else _decoded(answer)


def _decoded(text: bytes) -> bytes | None:
    if text == b"=":  # RFC 4954 section 4: an initial response that is empty
        return b""
    try:
        return b64decode(text, validate=True)
    except binascii.Error:
        return None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _is_text(text: str) -> bool:
    """What is no UTF-8, or holds a NUL (RFC 4616 section 2), is nobody's name or password, and no database takes it."""
    return "\0" not in text and not any("\udc80" <= letter <= "\udcff" for letter in text)


class _NameReader:
    """Finds the user's name in a client's answers, and remembers nothing else of them.

    The guard goes by it, so it must be the name that is tried, and nothing beside it that the upstream passes over.
    """

    def __init__(self, mechanism: bytes) -> None:
        self._mechanism = mechanism
        self._answers = 0
        self.login = ""

    def see(self, answer: bytes) -> None:
        self._answers += 1
        if self._answers > _ANSWERS.get(self._mechanism, 2) and answer:
            self.login = ""  # the upstream has passed over an answer, perhaps the one with the name
        raw = _decoded(answer)
        if raw is None or self._answers > 1:
            return
        if self._mechanism == b"PLAIN":
            fields = raw.split(b"\0")
            self.login = _text(fields[1]) if len(fields) == 3 else ""
        elif self._mechanism == b"LOGIN":
            self.login = _text(raw)
        elif self._mechanism == b"CRAM-MD5":
            self.login = _text(raw.rpartition(b" ")[0])
        elif pattern := _NAMED.get(self._mechanism.partition(b"-")[0]):
            match = pattern.search(raw)
            self.login = _text(match[1]) if match else ""


_ANSWERS = {b"PLAIN": 1, b"LOGIN": 2, b"CRAM-MD5": 1}  # of the client's, that are not empty
_NAMED = {
    b"XOAUTH2": re.compile(rb"^user=([^\x01]+)"),
    b"OAUTHBEARER": re.compile(rb"^[ny],a=([^,]+),"),
    b"SCRAM": re.compile(rb"^[ny],[^,]*,n=([^,]+)"),  # whose password is proved; a=, before it, is for whom
}
