"""What the relay says while it works: a few stable sentences, each with ids, none with personal data.

An operator greps for these sentences, so they are an interface. Addresses, subjects, commands, message text and
whatever is said during a login never come here, at no level.
"""

from __future__ import annotations

import logging

from relay.replies import Fault, Refusal

_log = logging.getLogger("mailglass.relay")


def listening(name: str, host: str, port: int, security: str) -> None:
    _log.info("Listening for mail clients: listener=%s address=%s:%d security=%s", name, host, port, security)


def session_ended(session: str, messages: int) -> None:
    _log.info("Session ended: session=%s messages=%d", session, messages)


def session_refused(session: str, refusal: Refusal) -> None:
    _log.warning("Session refused: session=%s refusal=%s", session, refusal)


def client_refused(session: str, refusal: Refusal) -> None:
    _log.info("Client refused: session=%s refusal=%s", session, refusal)


def message_passed(session: str, code: int) -> None:
    _log.debug("Message passed through: session=%s code=%d", session, code)


def message_handled(message: str, what: str, code: int) -> None:
    _log.info("Message handled: message=%s done=%s code=%d", message, what, code)


def message_in_doubt(message: str, incident: str) -> None:
    _log.warning("Message in doubt: message=%s id=%s", message, incident)


def resend_answered(session: str) -> None:
    _log.info("Identical resend answered without sending again: session=%s", session)


def fault(incident: str, session: str, what: Fault, detail: str = "") -> None:
    _log.warning("Fault: id=%s session=%s fault=%s detail=%s", incident, session, what, detail or "-")


def unexpected(incident: str, session: str, error: BaseException) -> None:
    """A bug of ours. The places are logged, the values are not: they may hold what somebody wrote."""
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    kind = type(error).__name__
    _log.error("Unexpected fault: id=%s session=%s kind=%s at=%s", incident, session, kind, " > ".join(places[-6:]))


def rewriting_failed(message: str, kind: str) -> None:
    _log.error("Rewriting failed, original sent: message=%s kind=%s", message, kind)


def ledger_failed(message: str, doing: str) -> None:
    _log.error("Ledger failed: message=%s doing=%s", message, doing)


def certificate_reloaded(name: str) -> None:
    _log.info("Certificate loaded again: listener=%s", name)


def certificate_unusable(name: str) -> None:
    _log.warning("New certificate cannot be used, the old one stays: listener=%s", name)


def login_failed(session: str) -> None:
    _log.info("Login failed: session=%s", session)


def stopping(sessions: int) -> None:
    _log.info("Stopping the relay: sessions=%d", sessions)
