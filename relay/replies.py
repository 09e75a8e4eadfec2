"""SMTP replies: the value, and the only table from our own faults and refusals to codes and words. Pure.

A reply of the upstream is handed on as it came. A fault of ours is always 4yz, in plain words and with an id by which
an operator finds it in the log; it names neither class nor path nor host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

LONGEST_LINE = 512  # RFC 5321 section 4.5.3.1.5, line end included
_ENHANCED = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?= )")
_UNPRINTABLE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Fault(StrEnum):
    """What can go wrong on our side of the conversation, or between us and the upstream."""

    UPSTREAM_UNREACHABLE = "upstream-unreachable"
    UPSTREAM_UNKNOWN = "upstream-unknown"
    UPSTREAM_SLOW = "upstream-slow"
    UPSTREAM_GONE = "upstream-gone"
    UPSTREAM_LEFT = "upstream-left"
    UPSTREAM_NONSENSE = "upstream-nonsense"
    UPSTREAM_UNTRUSTED = "upstream-untrusted"
    UPSTREAM_LOGIN = "upstream-login"
    IN_DOUBT = "in-doubt"
    DISK = "disk"
    BUSY = "busy"
    LEDGER = "ledger"
    STOPPING = "stopping"
    CUT_SHORT = "cut-short"
    INTERNAL = "internal"


class Refusal(StrEnum):
    """What a client may not do: breaches of the protocol and of our limits."""

    BARE_LINE_END = "bare-line-end"
    NUL = "nul"
    TOO_LARGE = "too-large"
    LINE_TOO_LONG = "line-too-long"
    COMMAND_TOO_LONG = "command-too-long"
    COMMAND_LINE_END = "command-line-end"
    UNKNOWN_COMMAND = "unknown-command"
    COMMAND_NOT_KEPT = "command-not-kept"
    BAD_ARGUMENT = "bad-argument"
    HELLO_FIRST = "hello-first"
    NESTED_MAIL = "nested-mail"
    TLS_FIRST = "tls-first"
    TLS_ACTIVE = "tls-active"
    NO_TLS = "no-tls"
    INJECTED_AFTER_STARTTLS = "injected-after-starttls"
    AUTH_NEEDS_TLS = "auth-needs-tls"
    AUTH_FIRST = "auth-first"
    AUTH_DONE = "auth-done"
    AUTH_IN_MAIL = "auth-in-mail"
    AUTH_UNKNOWN = "auth-unknown"
    AUTH_WRONG = "auth-wrong"
    AUTH_CANCELLED = "auth-cancelled"
    AUTH_LOCKED = "auth-locked"
    TOO_MANY_RECIPIENTS = "too-many-recipients"
    TOO_MANY_CONNECTIONS = "too-many-connections"
    TOO_MANY_ERRORS = "too-many-errors"
    TALKS_BEFORE_354 = "talks-before-354"
    LOOP = "loop"
    IDLE = "idle"
    SLOW_DATA = "slow-data"


_FAULTS: dict[Fault, tuple[int, str, str]] = {
    Fault.UPSTREAM_UNREACHABLE: (451, "4.4.1", "The mail server cannot be reached; please try again later"),
    Fault.UPSTREAM_UNKNOWN: (451, "4.4.3", "The name of the mail server cannot be looked up; please try again later"),
    Fault.UPSTREAM_SLOW: (451, "4.4.2", "The mail server did not answer in time; please try again later"),
    Fault.UPSTREAM_GONE: (451, "4.4.2", "The mail server closed the connection; please try again later"),
    Fault.UPSTREAM_LEFT: (421, "4.4.2", "The mail server closed the connection; please connect again"),
    Fault.UPSTREAM_NONSENSE: (451, "4.5.0", "The mail server gave an answer that makes no sense"),
    Fault.UPSTREAM_UNTRUSTED: (451, "4.7.5", "No trustworthy encrypted connection to the mail server"),
    Fault.UPSTREAM_LOGIN: (451, "4.7.8", "The mail server refused the relay's own login"),
    Fault.IN_DOUBT: (451, "4.4.2", "Outcome unknown: the mail server may have the message; check before resending"),
    Fault.DISK: (452, "4.3.1", "No room to hold the message; please try again later"),
    Fault.BUSY: (452, "4.3.1", "Too many messages are being held; please try again later"),
    Fault.LEDGER: (451, "4.3.0", "The message could not be put on record; please try again later"),
    Fault.STOPPING: (421, "4.3.2", "The relay is being stopped; please try again later"),
    Fault.CUT_SHORT: (451, "4.3.2", "The relay is being stopped; the message was not sent, please try again later"),
    Fault.INTERNAL: (451, "4.3.0", "Temporary failure; please try again later"),
}

_REFUSALS: dict[Refusal, tuple[int, str, str]] = {
    Refusal.BARE_LINE_END: (550, "5.6.11", "Lines must end in CR LF: a bare CR or LF stands in the message"),
    Refusal.NUL: (550, "5.6.0", "The message holds a NUL octet"),
    Refusal.TOO_LARGE: (552, "5.3.4", "The message is too large"),
    Refusal.LINE_TOO_LONG: (554, "5.6.0", "A line of the message is too long"),
    Refusal.COMMAND_TOO_LONG: (500, "5.5.2", "The command line is too long"),
    Refusal.COMMAND_LINE_END: (500, "5.5.2", "Command lines must end in CR LF"),
    Refusal.UNKNOWN_COMMAND: (500, "5.5.1", "Unknown command"),
    Refusal.COMMAND_NOT_KEPT: (502, "5.5.1", "This command is not offered"),
    Refusal.BAD_ARGUMENT: (501, "5.5.4", "An argument of this command cannot be understood"),
    Refusal.HELLO_FIRST: (503, "5.5.1", "Send EHLO first"),
    Refusal.NESTED_MAIL: (503, "5.5.1", "Another message is already begun"),
    Refusal.TLS_FIRST: (530, "5.7.0", "Send STARTTLS first"),
    Refusal.TLS_ACTIVE: (503, "5.5.1", "The connection is encrypted already"),
    Refusal.NO_TLS: (502, "5.5.1", "STARTTLS is not offered"),
    Refusal.INJECTED_AFTER_STARTTLS: (501, "5.5.4", "Nothing may follow STARTTLS before the encryption"),
    Refusal.AUTH_NEEDS_TLS: (538, "5.7.11", "Logging in needs an encrypted connection: send STARTTLS first"),
    Refusal.AUTH_FIRST: (530, "5.7.0", "Authentication required"),
    Refusal.AUTH_DONE: (503, "5.5.1", "You are logged in already"),
    Refusal.AUTH_IN_MAIL: (503, "5.5.1", "AUTH is not permitted during a message"),
    Refusal.AUTH_UNKNOWN: (504, "5.5.4", "This way to log in is not offered"),
    Refusal.AUTH_WRONG: (535, "5.7.8", "Wrong user name or password"),
    Refusal.AUTH_CANCELLED: (501, "5.7.0", "Login cancelled or not understood"),
    Refusal.AUTH_LOCKED: (421, "4.7.0", "Too many failed logins; please try again later"),
    Refusal.TOO_MANY_RECIPIENTS: (452, "4.5.3", "Too many recipients; send the rest in another message"),
    Refusal.TOO_MANY_CONNECTIONS: (421, "4.7.0", "Too many connections; please try again later"),
    Refusal.TOO_MANY_ERRORS: (421, "4.7.0", "Too many errors"),
    Refusal.TALKS_BEFORE_354: (554, "5.5.0", "Message sent before it was asked for"),
    Refusal.LOOP: (554, "5.4.6", "Mail loop: this message has passed too many servers, or this relay before"),
    Refusal.IDLE: (421, "4.4.2", "Nothing heard for too long"),
    Refusal.SLOW_DATA: (421, "4.4.2", "The message arrives too slowly"),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code, and ``raw``, all its lines as they stand on the wire.

    ``fault`` is set when no server said this but we did, in place of a server that cannot.
    """

    code: int
    raw: bytes
    fault: Fault | None = None
    is_positive: bool = field(init=False, repr=False, compare=False)
    # Whether it can be a server's last word on a message. After the final dot 3yz means nothing (RFC 5321 section
    # 4.3.2): that server may think that it is still being sent the message, or may have it.
    is_verdict: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_positive", 200 <= self.code < 300)
        object.__setattr__(self, "is_verdict", self.fault is None and not 300 <= self.code < 400)

    @property
    def text(self) -> str:
        """Code and words in one line, for record and log."""
        return self.raw.rstrip(b"\r\n").replace(b"\r\n", b" / ").decode("utf-8", "replace")


def compose(code: int, enhanced: str, words: str) -> Reply:
    """A reply of one line in our own words; what cannot stand on a reply line is made harmless."""
    line = f"{code} {enhanced} {words}" if enhanced else f"{code} {words}"
    return Reply(code, _safe(line.encode("utf-8", "replace"))[: LONGEST_LINE - 2] + b"\r\n")


def for_fault(fault: Fault, incident: str) -> Reply:
    """What the client hears when we fail; ``incident`` is the id under which the log has it."""
    code, enhanced, words = _FAULTS[fault]
    reply = compose(code, enhanced, f"{words} (id={incident})")
    return Reply(reply.code, reply.raw, fault)


def for_refusal(refusal: Refusal) -> Reply:
    code, enhanced, words = _REFUSALS[refusal]
    return compose(code, enhanced, words)


def annotated(reply: Reply, note: str) -> Reply:
    """The reply with ``[note]`` at the end of its last line, or in a line of its own where there is no room."""
    body, _, last = reply.raw[:-2].rpartition(b"\r\n")
    head = body + b"\r\n" if body else b""
    addition = b" [" + _safe(note.encode("ascii", "replace")) + b"]"
    if len(last) + len(addition) + 2 > LONGEST_LINE:
        # Where the lines carry enhanced codes, all of them do, and the same one (RFC 2034 section 4).
        head += last[:3] + b"-" + last[4:] + b"\r\n"
        enhanced = _ENHANCED.match(last[4:])
        last = last[:3] + (b" " + enhanced[0] if enhanced else b"")
    return Reply(reply.code, head + last + addition + b"\r\n", reply.fault)


def _safe(line: bytes) -> bytes:
    return _UNPRINTABLE.sub(b"?", line)


class RelayFault(Exception):
    """Something failed that is no doubt and no refusal; ``fault`` says what the client is to hear."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(detail or fault.value)
        self.fault = fault


class UpstreamFault(RelayFault, ConnectionError):
    """The upstream cannot be reached, trusted or understood."""


class UpstreamRefusal(RelayFault):
    """The upstream said no before the session began; ``reply`` goes on to the client."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(Fault.UPSTREAM_UNREACHABLE, "refused")
        self.reply = reply
