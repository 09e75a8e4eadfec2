"""Messages for the tests of the spool: headers, copies, and a way to render them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ledger.message_id import MessageId
from relay.copies import PlannedCopy
from relay.spool import Render, Spool
from relay.spool_records import Credentials, SpoolHeader
from relay.spooled_message import SpooledMessage

ID = MessageId(bytes.fromhex("0190a1b2c3d4") + bytes(range(10)))
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
PLAIN = b"Subject: Plans\r\nMessage-ID: <plans@example.org>\r\n\r\nSee https://example.net/\r\n.\r\nEnd\r\n"


def other_id(number: int) -> MessageId:
    return MessageId(ID.raw[:6] + number.to_bytes(10, "big"))


def header(message_id: MessageId = ID, **more: object) -> SpoolHeader:
    fields: dict[str, object] = {
        "id": message_id,
        "spooled_at": AT,
        "upstream": "default",
        "mail": b"MAIL FROM:<ann@example.org> ENVID=QQ1 RET=HDRS",
        "sender": "ann@example.org",
        "credentials": Credentials.NONE,
        "header_id": "<plans@example.org>",
    }
    return SpoolHeader(**(fields | more))  # type: ignore[arg-type]


def copies(count: int, tracked: bool = True) -> tuple[PlannedCopy, ...]:
    return tuple(
        PlannedCopy(number, f"RCPT TO:<r{number}@example.net>".encode(), f"r{number}@example.net", tracked)
        for number in range(1, count + 1)
    )


def rendered(number: int) -> bytes:
    """The tracked bytes of a copy: a token of one length in a body that all copies share."""
    return PLAIN.replace(b"example.net/", b"example.org/c/%08d" % number) + b"x" * 900 + b"\r\n"


def put(folder: Path, message_id: MessageId = ID, count: int = 3, render: Render | None = rendered) -> Spool:
    """A spool with one message in it."""
    spool = Spool(folder)
    spool.write(header(message_id), PLAIN, copies(count), render)
    return spool


def content_of(spool: Spool, message: SpooledMessage, number: int) -> bytes:
    return b"".join(spool.content(message, number))
