"""Delivery status notifications: what a sender is told of a copy that was not delivered, or not yet. Pure.

A multipart/report (RFC 6522) of three parts: the matter in plain words, the fields for programs (RFC 3464), and the
message or its headers as the client wrote them, without pixel and tracked links, so that reading a report is no
open. Gives back what the client said with RET, ORCPT and ENVID (RFC 3461). Who is told at all is decided elsewhere.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import assert_never

from relay.dsn_parameters import SenderParameters, decode_xtext
from relay.header_facts import end_of_header

# RFC 5322 section 2.1.1; replies of servers may be longer than what fits on a line beside its field name.
_LONGEST_VALUE = 900
# A larger message is quoted by its headers alone: a report should not be what fills the sender's mailbox.
LARGEST_QUOTED = 10 * 2**20
_ENHANCED = re.compile(r"\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY = re.compile(r"[245]\d\d[ -]")
_NOT = "Your message was not delivered to everyone"
_NOT_YET = "Your message has not been delivered to everyone yet"
_HEADER_ID = re.compile(r"<[!-;=?-~]{1,900}>", re.ASCII)


class Cause(StrEnum):
    """Why a copy was not delivered, or not yet."""

    REFUSED = "refused"
    EXPIRED = "expired"
    TOO_LATE = "too-late"  # for the client, which said how long it may take
    NO_CREDENTIALS = "no-credentials"
    IN_DOUBT = "in-doubt"
    DELAYED = "delayed"

    @property
    def action(self) -> str:
        """RFC 3464 section 2.3.3."""
        return "delayed" if self is Cause.DELAYED else "failed"


@dataclass(frozen=True, slots=True)
class ReportedCopy:
    """One recipient who has not got the message. ``reply`` is the last one of the upstream, or what we say in its
    place; may be empty."""

    address: str
    cause: Cause
    reply: str = ""
    original: str = ""  # ORCPT as the client wrote it
    last_try: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a notification says. ``boundary`` must be unguessable letters and digits; ``tried_until`` is set when it
    speaks of copies that still wait."""

    sender: str
    host: str  # the name this relay goes by
    upstream: str  # the name of the server that refused
    written_at: datetime
    accepted_at: datetime
    copies: tuple[ReportedCopy, ...]
    boundary: str
    asked: SenderParameters = field(default_factory=SenderParameters)
    header_id: str = ""  # Message-ID of the message it is about
    tried_until: datetime | None = None


def header_block(chunks: Iterable[bytes]) -> bytes:
    """The header lines of a message, read no further than needed."""
    gathered = b""
    for chunk in chunks:
        gathered += chunk
        end = end_of_header(gathered)
        if end >= 0:
            return gathered[: end - len(b"\r\n")]
    return gathered


def build_notification(report: Report, content: bytes) -> bytes:
    """The notification's bytes, CRLF throughout. ``content`` is the message, or its header block alone when the
    client did not ask for RET=FULL."""
    boundary = report.boundary
    while boundary.encode("ascii") in content:
        boundary += "x"
    full = report.asked.full
    parts = (
        _text_part(report),
        _part("message/delivery-status", _fields(report).encode("ascii")),
        _part("message/rfc822", content, _coding(content)) if full else _quoted_headers(content),
    )
    separator = f"\r\n--{boundary}".encode("ascii")
    body = b"".join(separator + b"\r\n" + part for part in parts) + separator + b"--\r\n"
    return _header(report, boundary, full and not content.isascii()) + body


def status_of(copy: ReportedCopy) -> str:
    """The enhanced status code (RFC 3463) for a copy."""
    match copy.cause:
        case Cause.REFUSED | Cause.DELAYED:
            match = _ENHANCED.match(copy.reply)
            digit = copy.reply[:1] if _REPLY.match(copy.reply) else "4" if copy.cause is Cause.DELAYED else "5"
            return match[1] if match and match[1][0] == digit else f"{digit}.0.0"
        case Cause.EXPIRED:
            return "4.4.7"
        case Cause.TOO_LATE:
            return "5.4.7"  # RFC 2852 section 4
        case Cause.NO_CREDENTIALS:
            return "4.7.0"
        case Cause.IN_DOUBT:
            return "4.4.2"
        case _ as never:
            assert_never(never)


def _header(report: Report, boundary: str, eight_bit: bool) -> bytes:
    lines = [
        f"From: Mail delivery <mailer-daemon@{report.host}>",
        f"To: <{_one_line(report.sender)}>",
        f"Subject: {_NOT_YET if report.tried_until else _NOT}",
        f"Date: {format_datetime(report.written_at)}",
        f"Message-ID: <{report.boundary}@{report.host}>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"',
    ]
    if eight_bit:
        lines.append("Content-Transfer-Encoding: 8bit")
    if _HEADER_ID.fullmatch(report.header_id):
        lines += [f"In-Reply-To: {report.header_id}", f"References: {report.header_id}"]
    return "".join(line + "\r\n" for line in lines).encode("utf-8")


def _text_part(report: Report) -> bytes:
    text = _plain_words(report)
    if text.isascii():
        return _part('text/plain; charset="us-ascii"', text.encode("ascii"))
    coded = quopri.encodestring(text.encode("utf-8")).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return _part('text/plain; charset="utf-8"', coded, b"Content-Transfer-Encoding: quoted-printable\r\n")


def _plain_words(report: Report) -> str:
    written = report.accepted_at.strftime("%Y-%m-%d %H:%M UTC")
    verdict = "has not reached" if report.tried_until else "did not reach"
    paragraphs = [
        f"This is mailglass at {report.host}, which passes your mail on to {report.upstream}.",
        f"Your message of {written} {verdict} the recipients below.\r\n"
        "Everybody else it was addressed to is not concerned by this report.",
    ]
    if report.tried_until is not None:
        until = report.tried_until.strftime("%Y-%m-%d %H:%M UTC")
        paragraphs.append(f"It is tried again until {until}. You need not do anything, nor send it again.")
    paragraphs += [f"  {_one_line(copy.address)}\r\n{_explained(copy)}" for copy in report.copies]
    return "\r\n\r\n".join(paragraphs) + "\r\n"


def _explained(copy: ReportedCopy) -> str:
    said = f"    {_who_said(copy.reply)}: {_one_line(copy.reply)}" if copy.reply else ""
    match copy.cause:
        case Cause.DELAYED:
            lines = ["    It has not been accepted yet.", said]
        case Cause.REFUSED:
            lines = ["    The mail server refused it, and trying again would not help.", said]
        case Cause.EXPIRED:
            lines = ["    It was tried again and again until its time was over.", said]
        case Cause.TOO_LATE:
            lines = [
                "    It was to come back if it could not be delivered in the time you gave, and that is over.",
                said,
            ]
        case Cause.NO_CREDENTIALS:
            lines = [
                "    It could not be sent while you were logged in, and your password is not kept.",
                "    Please send the message to this recipient again.",
                said,
            ]
        case Cause.IN_DOUBT:
            lines = [
                "    The connection broke at the very end: it may have arrived, or not.",
                "    Please ask the recipient before you send it again.",
                said,
            ]
        case _ as never:
            assert_never(never)
    return "\r\n".join(line for line in lines if line)


def _who_said(reply: str) -> str:
    return "The server's last answer" if _REPLY.match(reply) else "What happened last"


def _fields(report: Report) -> str:
    lines = [f"Reporting-MTA: dns; {report.host}"]
    if report.asked.envelope_id:
        lines.append(f"Original-Envelope-Id: {_ascii(decode_xtext(report.asked.envelope_id))}")
    lines.append(f"Arrival-Date: {format_datetime(report.accepted_at)}")
    groups = ["".join(f"{line}\r\n" for line in lines)]
    groups += ["".join(f"{line}\r\n" for line in _recipient_fields(copy, report)) for copy in report.copies]
    return "\r\n".join(groups)


def _recipient_fields(copy: ReportedCopy, report: Report) -> Sequence[str]:
    lines = []
    kind, _, original = copy.original.partition(";")
    if kind and original:
        # RFC 6533 section 3: of a UTF-8 address the client has written what is special as \\x{…} itself.
        spelled = _utf8_xtext(original, special="") if kind.lower() == "utf-8" else _ascii(decode_xtext(original))
        lines.append(f"Original-Recipient: {_ascii(kind)}; {spelled}")
    lines.append(f"Final-Recipient: {_typed_address(copy.address)}")
    lines += [f"Action: {copy.cause.action}", f"Status: {status_of(copy)}"]
    if _REPLY.match(copy.reply):
        lines += [f"Remote-MTA: dns; {report.upstream}", f"Diagnostic-Code: smtp; {_ascii(copy.reply)}"]
    elif copy.reply:  # no server said this but we did
        lines.append(f"Diagnostic-Code: x-mailglass; {_ascii(copy.reply)}")
    if copy.last_try is not None:
        lines.append(f"Last-Attempt-Date: {format_datetime(copy.last_try)}")
    if report.tried_until is not None:
        lines.append(f"Will-Retry-Until: {format_datetime(report.tried_until)}")
    return lines


def _typed_address(address: str) -> str:
    return f"rfc822; {_one_line(address)}" if address.isascii() else f"utf-8; {_utf8_xtext(address)}"


def _utf8_xtext(address: str, special: str = "\\+=") -> str:
    """RFC 6533 section 3: what is not ASCII, or ``special``, is written \\x{…}: a report passes everywhere."""
    spelled = ""
    for letter in _one_line(address):
        spelled += letter if "!" <= letter <= "~" and letter not in special else f"\\x{{{ord(letter):X}}}"
        if len(spelled) > _LONGEST_VALUE:  # longer than any address may be, and no line may be
            break
    return spelled


def _quoted_headers(content: bytes) -> bytes:
    """The header block; coded where it holds more than ASCII, so that the report passes everywhere."""
    if content.isascii():
        return _part("text/rfc822-headers", content)
    coded = quopri.encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return _part("text/rfc822-headers", coded, b"Content-Transfer-Encoding: quoted-printable\r\n")


def _part(content_type: str, content: bytes, more: bytes = b"") -> bytes:
    return b"Content-Type: " + content_type.encode("ascii") + b"\r\n" + more + b"\r\n" + content


def _coding(content: bytes) -> bytes:
    return b"" if content.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"


def _one_line(text: str) -> str:
    """Without control characters, since a reply or an address must not begin a line of its own, and without the lone
    surrogates that stand for octets which are no UTF-8."""
    printable = "".join(" " if ord(letter) < 32 or ord(letter) == 127 else letter for letter in text)
    return " ".join(printable.encode("utf-8", "replace").decode("utf-8").split())[:_LONGEST_VALUE]


def _ascii(text: str) -> str:
    return _one_line(text).encode("ascii", "replace").decode("ascii")
