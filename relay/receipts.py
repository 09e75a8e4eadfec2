"""The gentle alternative where a recipient has not consented: a read receipt they may refuse (RFC 8098). Pure.

``X-Track-Fallback: receipt`` asks for it. Only a header field is added, in front of all others; a message that asks
for a receipt already, or whose header is signed (DKIM), stays as it is.
"""

from __future__ import annotations

import re

from relay.header_facts import header_of
from relay.rewriting.plan import Edit, SpanKind

_HAS_FIELD = re.compile(rb"(?:\A|\n)(?:disposition-notification-to|dkim-signature)[ \t]*:", re.IGNORECASE)
# What may stand between angle brackets without quoting or folding (RFC 5322 section 3.4.1, ASCII only).
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)


def receipt_edit(raw: bytes, sender: str) -> Edit | None:
    """The field that asks for a receipt to the envelope's sender; None when there is to be none."""
    if (
        not _PLAIN_ADDRESS.fullmatch(sender)
        or _HAS_FIELD.search(header_of(raw))
        or not re.match(rb"[!-9;-~]+[ \t]*:", raw)
    ):
        return None
    field = f"Disposition-Notification-To: <{sender}>\r\n".encode("ascii")
    return Edit(0, 0, field, SpanKind.HEADER)
