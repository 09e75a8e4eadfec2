"""Records and hits for tests, with what matters named and the rest filled in."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from ledger.message_id import MessageId, mint_message_id
from ledger.records import Confidence, CopyRecord, Hit, HitClass, HitKind, LinkRecord, MessageRecord, State, Verdict
from tests.dashboard.house import NOW

_numbers = count(1)


def letter(sent: datetime = NOW - timedelta(hours=1), **values: Any) -> MessageRecord:
    number = next(_numbers)
    message_id = mint_message_id(int(sent.timestamp() * 1000), number.to_bytes(10, "big"))
    usual: dict[str, Any] = {
        "id": message_id,
        "submitted_at": sent,
        "sender": "hanna@example.com",
        "recipients": ("mia@example.net",),
        "subject": f"Letter {number}",
        "header_id": f"<{number}@example.com>",
        "opens": True,
        "links": True,
        "state": State.SENT,
        "copies": (CopyRecord(0, "", State.SENT, "250 Ok"),),
        "link_list": (LinkRecord(1, "https://example.com/offer", "The offer", "", "1.2", True),),
    }
    return MessageRecord(**(usual | values))


def hit(
    message: MessageId,
    kind: HitKind = HitKind.OPEN,
    hit_class: HitClass = HitClass.HUMAN,
    at: datetime = NOW - timedelta(minutes=5),
    **values: Any,
) -> Hit:
    number = next(_numbers)
    usual: dict[str, Any] = {
        "id": str(mint_message_id(int(at.timestamp() * 1000), number.to_bytes(10, "big"))),
        "at": at,
        "kind": kind,
        "message": message,
        "copy": 0,
        "link": 1 if kind is HitKind.CLICK else 0,
        "method": "GET",
        "verdict": Verdict(hit_class, Confidence.PROBABLE, "R22"),
        "user_agent": "Firefox on Linux",
        "ip": "203.0.113.0",
    }
    return Hit(**(usual | values))
