"""Fits a client's MAIL and RCPT lines to another session than the one they were written in. Pure.

The client wrote them for what the upstream offered that day. The session that delivers its copy later may be with
another machine behind the same name, which offers less. A parameter that only helps is left out then; one that the
message cannot do without makes the copy wait, since most of these differences pass. What is not known goes on as it
was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.capabilities import Capabilities
from relay.command_lines import BEFORE_PARAMETERS
from relay.header_facts import header_of
from relay.replies import Reply, compose

# The extension that each parameter belongs to, for those that may be left out.
_HELPFUL = {
    b"SIZE": b"SIZE",
    b"RET": b"DSN",
    b"ENVID": b"DSN",
    b"NOTIFY": b"DSN",
    b"ORCPT": b"DSN",
    b"AUTH": b"AUTH",
    b"BODY": b"8BITMIME",
    b"SMTPUTF8": b"SMTPUTF8",
    b"MT-PRIORITY": b"MT-PRIORITY",
    b"SUBMITTER": b"SUBMITTER",
    b"SOLICIT": b"NO-SOLICITING",
    b"MTRK": b"MTRK",
}
# "BY=120;N" asks to be told when it takes longer; with R instead the mail is to come back then, and an upstream that
# does not know that must not get it without (RFC 2852).
_TOLD_WHEN_LATE = re.compile(rb"BY=[-+]?\d{1,9};N[T]?", re.IGNORECASE)

NO_EIGHT_BIT = compose(451, "4.6.3", "The mail server does not take 8-bit messages at present")
NO_UTF8 = compose(450, "4.6.7", "The mail server does not take international addresses at present")
NO_REQUIRED_TLS = compose(450, "4.7.30", "The mail server does not promise encryption at present")


@dataclass(frozen=True, slots=True)
class Lines:
    """The MAIL and RCPT lines of one copy."""

    mail: bytes
    rcpt: bytes


def fitted(lines: Lines, content: bytes, offered: Capabilities) -> Lines | Reply:
    """The lines without what this session does not offer, or the temporary refusal that stands for the upstream's
    when the message needs it."""
    names = {name for line in (lines.mail, lines.rcpt) for name, _ in _parameters(line)}
    words = offered.words
    if b"REQUIRETLS" in names and b"REQUIRETLS" not in words:
        return NO_REQUIRED_TLS  # RFC 8689 section 4.2.1: never to be sent without it
    if b"SMTPUTF8" in names and b"SMTPUTF8" not in words and _needs_utf8(lines, content):
        return NO_UTF8
    if b"BODY" in names and b"8BITMIME" not in words and not content.isascii():
        return NO_EIGHT_BIT  # RFC 6152 section 3: convert or do not send; converting would change the message
    return Lines(_kept(lines.mail, offered), _kept(lines.rcpt, offered))


def _needs_utf8(lines: Lines, content: bytes) -> bool:
    return not (lines.mail.isascii() and lines.rcpt.isascii() and header_of(content).isascii())


def _kept(line: bytes, offered: Capabilities) -> bytes:
    match = BEFORE_PARAMETERS.match(line)
    if match is None:
        return line
    kept = [text for name, text in _parameters(line) if not _is_helpful_and_missing(name, text, offered)]
    return b" ".join((match[0], *kept))


def _is_helpful_and_missing(name: bytes, text: bytes, offered: Capabilities) -> bool:
    if name == b"BY":
        return b"DELIVERBY" not in offered.words and _TOLD_WHEN_LATE.fullmatch(text) is not None
    return name in _HELPFUL and _HELPFUL[name] not in offered.words


def _parameters(line: bytes) -> list[tuple[bytes, bytes]]:
    """Each parameter's keyword in capitals, and how it is written."""
    match = BEFORE_PARAMETERS.match(line)
    if match is None:
        return []
    return [(text.partition(b"=")[0].upper(), text) for text in line[match.end() :].split()]
