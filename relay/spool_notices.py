"""Puts delivery status notifications into the spool: who is to be told what, and that it is told once.

The notification is a message of the spool like any other, with the null sender, and of no concern to the ledger. It
is durable before its copies count as reported; a process that dies between the two leaves a notification under the
same id, which is not written again.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.message_id import MessageId
from relay.copies import PlannedCopy
from relay.copy_delivery import IN_DOUBT_WORDS
from relay.deliver_by import comes_back_after
from relay.dsn_parameters import RecipientParameters, recipient_parameters, sender_parameters
from relay.failpoints import failpoint
from relay.retry import RetrySchedule
from relay.spool import Spool
from relay.spool_records import Credentials, SpoolHeader
from relay.spool_states import CopyStanding, CopyState, Event, EventKind
from relay.spooled_message import PLAIN_BODY, SpooledMessage
from relay.status_notification import (
    LARGEST_QUOTED,
    Cause,
    Report,
    ReportedCopy,
    build_notification,
    header_block,
)

log = logging.getLogger("mailglass.spool")


@dataclass(frozen=True, slots=True)
class Notices:
    """``host`` is the name this relay goes by; ``upstream_host`` gives the host name of an upstream."""

    spool: Spool
    clock: Callable[[], datetime]
    host: str
    upstream_host: Callable[[str], str]

    def report(self, message: SpooledMessage) -> SpooledMessage | None:
        """Spool one notification about all copies that failed and are not reported yet; None when nobody is to be
        told. Blocks. Raises SpoolFault."""
        failed = unreported(message)
        told = [number for number in failed if self._parameters(message, number).wants_failure]
        return self._tell(message, EventKind.NOTIFIED, failed, told, None)

    def report_delay(self, message: SpooledMessage, schedule: RetrySchedule) -> SpooledMessage | None:
        """The same about all copies that still wait, once for each of them."""
        waiting = untold_of_delay(message)
        told = [number for number in waiting if self._parameters(message, number).wants_delay]
        until = schedule.expires_at(message.header.spooled_at)
        return self._tell(message, EventKind.DELAY_TOLD, waiting, told, until)

    def _tell(
        self,
        message: SpooledMessage,
        kind: EventKind,
        numbers: list[int],
        told: list[int],
        tried_until: datetime | None,
    ) -> SpooledMessage | None:
        if not numbers:
            return None
        is_silent = message.header.notification or not message.header.sender
        notice = None if is_silent or not told else self._spool_notice(message, told, tried_until)
        self.spool.record(message, Event(kind, self.clock(), numbers=tuple(numbers)))
        return notice

    @staticmethod
    def _parameters(message: SpooledMessage, number: int) -> RecipientParameters:
        return recipient_parameters(message.copies[number].planned.rcpt)

    def _spool_notice(
        self, message: SpooledMessage, numbers: list[int], tried_until: datetime | None
    ) -> SpooledMessage:
        header = self._notice_header(message, numbers, is_delay=tried_until is not None)
        existing = self.spool.messages.get(str(header.id))
        if existing is not None:
            return existing
        report = self._report(message, numbers, tried_until)
        raw = build_notification(report, self._quoted(message, report))
        failpoint("notification.before-spooled")
        sender = message.header.sender
        if not raw.isascii():
            header = replace(header, mail=header.mail + b" BODY=8BITMIME")  # RFC 6152: it quotes 8-bit content
        if not sender.isascii():
            header = replace(header, mail=header.mail + b" SMTPUTF8")  # RFC 6531: a sender who wrote from there
        copy = PlannedCopy(1, b"RCPT TO:<" + sender.encode("utf-8", "surrogateescape") + b">", sender, tracked=False)
        notice = self.spool.write(header, raw, (copy,))
        failpoint("notification.after-spooled")
        log.info("status notification spooled: message=%s copies=%d", message.header.id, len(numbers))
        return notice

    def _notice_header(self, message: SpooledMessage, numbers: list[int], is_delay: bool) -> SpoolHeader:
        # The same report has the same id, however often the process dies between writing and noting it.
        seed = message.header.id.raw + b"".join(number.to_bytes(2, "big") for number in numbers)
        seed += b"delay" if is_delay else b""
        return SpoolHeader(
            id=MessageId(message.header.id.raw[:6] + hashlib.sha256(seed).digest()[:10]),
            spooled_at=self.clock(),
            upstream=message.header.upstream,
            mail=b"MAIL FROM:<>",
            sender="",
            login=message.header.login,
            credentials=message.header.credentials,
            password=message.header.password,
            notification=True,
        )

    def _report(self, message: SpooledMessage, numbers: list[int], tried_until: datetime | None) -> Report:
        asked = sender_parameters(message.header.mail)
        # RFC 3461 section 4.3: the whole message is for reports of a failure.
        full = asked.full and tried_until is None and message.bodies[PLAIN_BODY].length <= LARGEST_QUOTED
        return Report(
            sender=message.header.sender,
            host=self.host,
            upstream=self.upstream_host(message.header.upstream),
            written_at=self.clock(),
            accepted_at=message.header.spooled_at,
            copies=tuple(self._reported_copy(message, number) for number in numbers),
            boundary=secrets.token_hex(16),
            asked=replace(asked, full=full),
            header_id=message.header.header_id,
            tried_until=tried_until,
        )

    def _reported_copy(self, message: SpooledMessage, number: int) -> ReportedCopy:
        planned, standing = message.copies[number].planned, message.standing.copies[number]
        cause = cause_of(standing, message.header)
        original = self._parameters(message, number).original
        return ReportedCopy(
            planned.address, cause, standing.reply, original, standing.since if standing.tries else None
        )

    def _quoted(self, message: SpooledMessage, report: Report) -> bytes:
        """Nothing, where the message's own file is gone: that must not keep its sender from being told."""
        chunks = self.spool.plain_content(message)
        try:
            return b"".join(chunks) if report.asked.full else header_block(chunks)
        except (OSError, ValueError):
            return b""


def unreported(message: SpooledMessage) -> list[int]:
    """The copies that failed for good and are not noted as reported."""
    standing = message.standing
    return [
        number
        for number in standing.with_state(CopyState.REFUSED, CopyState.EXPIRED)
        if not standing.copies[number].notified
    ]


def untold_of_delay(message: SpooledMessage) -> list[int]:
    """The copies that wait for another try and whose sender has not been told so. Of those held in doubt nothing can be
    promised; they are reported when somebody has decided, or when they expire."""
    standing = message.standing
    return [number for number in standing.with_state(CopyState.WAITING) if not standing.copies[number].delay_told]


def cause_of(standing: CopyStanding, header: SpoolHeader) -> Cause:
    """Why a copy was not delivered, or not yet."""
    if standing.state is CopyState.WAITING:
        return Cause.DELAYED
    if standing.state is CopyState.REFUSED:
        return Cause.REFUSED
    if standing.reply == IN_DOUBT_WORDS:
        return Cause.IN_DOUBT
    limit = comes_back_after(header.mail)
    if limit is not None and standing.since is not None and standing.since >= header.spooled_at + limit:
        return Cause.TOO_LATE  # also where only the client could have sent it: it had no more time to
    return Cause.NO_CREDENTIALS if header.credentials is Credentials.CLIENT else Cause.EXPIRED
