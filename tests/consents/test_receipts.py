"""Asking for a receipt instead of tracking: one field in front, or nothing at all."""

from __future__ import annotations

import pytest

from relay.outgoing import spliced
from relay.receipts import receipt_edit

MAIL = b"From: me@example.org\r\nTo: ann@example.com\r\n\r\nDisposition-Notification-To: <x@example.com>\r\n"


def test_the_field_stands_in_front_and_every_other_octet_stays() -> None:
    edit = receipt_edit(MAIL, "me@example.org")
    assert edit is not None
    assert spliced(MAIL, [edit]) == b"Disposition-Notification-To: <me@example.org>\r\n" + MAIL


@pytest.mark.parametrize(
    ("raw", "sender", "why"),
    [
        (MAIL, "", "the null sender hears nothing"),
        (MAIL, "me@example.org>\r\nBcc: x", "an address that could be more than an address"),
        (MAIL, '"me too"@example.org', "an address that needs quoting"),
        (b"disposition-notification-to: a@example.org\r\n" + MAIL, "me@example.org", "asked already"),
        (b"DKIM-Signature: v=1\r\n" + MAIL, "me@example.org", "signed headers are not added to"),
        (b"\r\nno header", "me@example.org", "no header block to stand in"),
        (b" continuation\r\n" + MAIL, "me@example.org", "it would become the beginning of a folded field"),
    ],
)
def test_in_doubt_nothing_is_added(raw: bytes, sender: str, why: str) -> None:
    assert receipt_edit(raw, sender) is None, why
