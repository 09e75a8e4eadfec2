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
from relay.dsn_parameters import SenderParameters, recipient_parameters, sender_parameters
from relay.failpoints import failpoint
from relay.spool import Spool
from relay.spool_records import Credentials, SpoolHeader
from relay.spool_states import CopyStanding, CopyState, Event, EventKind
from relay.spooled_message import PLAIN_BODY, SpooledMessage
from relay.status_notification import (
    LARGEST_QUOTED,
    Cause,
    FailedCopy,
    Report,
    build_notification,
    header_block,
    may_report,
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
        if not failed:
            return None
        silent = message.header.notification or not message.header.sender
        told = [] if silent else [number for number in failed if self._is_wanted(message, number)]
        notice = self._spool_notice(message, told) if told else None
        self.spool.record(message, Event(EventKind.NOTIFIED, self.clock(), numbers=tuple(failed)))
        return notice

    def _is_wanted(self, message: SpooledMessage, number: int) -> bool:
        return may_report(message.header.sender, recipient_parameters(message.copies[number].planned.rcpt))

    def _spool_notice(self, message: SpooledMessage, numbers: list[int]) -> SpooledMessage:
        header = self._notice_header(message, numbers)
        existing = self.spool.messages.get(str(header.id))
        if existing is not None:
            return existing
        raw = build_notification(self._report(message, numbers), self._quoted(message))
        failpoint("notification.before-spooled")
        if not raw.isascii():
            header = replace(header, mail=header.mail + b" BODY=8BITMIME")  # RFC 6152: it quotes 8-bit content
        sender = message.header.sender
        copy = PlannedCopy(1, b"RCPT TO:<" + sender.encode("utf-8", "surrogateescape") + b">", sender, tracked=False)
        notice = self.spool.write(header, raw, (copy,))
        failpoint("notification.after-spooled")
        log.info("status notification spooled: message=%s copies=%d", message.header.id, len(numbers))
        return notice

    def _notice_header(self, message: SpooledMessage, numbers: list[int]) -> SpoolHeader:
        # The same report has the same id, however often the process dies between writing and noting it.
        seed = message.header.id.raw + b"".join(number.to_bytes(2, "big") for number in numbers)
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

    def _report(self, message: SpooledMessage, numbers: list[int]) -> Report:
        return Report(
            sender=message.header.sender,
            host=self.host,
            upstream=self.upstream_host(message.header.upstream),
            written_at=self.clock(),
            accepted_at=message.header.spooled_at,
            failed=tuple(self._failed_copy(message, number) for number in numbers),
            boundary=secrets.token_hex(16),
            asked=self._asked(message),
            header_id=message.header.header_id,
        )

    def _failed_copy(self, message: SpooledMessage, number: int) -> FailedCopy:
        planned, standing = message.copies[number].planned, message.standing.copies[number]
        cause = cause_of(standing, message.header.credentials)
        return FailedCopy(planned.address, cause, standing.reply, recipient_parameters(planned.rcpt).original)

    def _asked(self, message: SpooledMessage) -> SenderParameters:
        asked = sender_parameters(message.header.mail)
        return replace(asked, full=asked.full and message.bodies[PLAIN_BODY].length <= LARGEST_QUOTED)

    def _quoted(self, message: SpooledMessage) -> bytes:
        chunks = self.spool.plain_content(message)
        return b"".join(chunks) if self._asked(message).full else header_block(chunks)


def unreported(message: SpooledMessage) -> list[int]:
    """The copies that failed for good and are not noted as reported."""
    standing = message.standing
    return [
        number
        for number in standing.with_state(CopyState.REFUSED, CopyState.EXPIRED)
        if not standing.copies[number].notified
    ]


def cause_of(standing: CopyStanding, credentials: Credentials) -> Cause:
    """Why a copy that is refused or expired was not delivered."""
    if standing.state is CopyState.REFUSED:
        return Cause.REFUSED
    if standing.reply == IN_DOUBT_WORDS:
        return Cause.IN_DOUBT
    return Cause.NO_CREDENTIALS if credentials is Credentials.CLIENT else Cause.EXPIRED
