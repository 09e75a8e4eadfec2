"""What of a held message goes out, and what may be said of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ledger.records import Reason
from relay.ports import Envelope
from relay.receipts import receipt_edit
from relay.rewriting.plan import Edit, SpanKind, Tracked, Unchanged, Wanted


def spliced(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """The bytes with the edits made; they ascend and do not overlap."""
    pieces, position = [], 0
    for edit in edits:
        pieces += [raw[position : edit.start], edit.new]
        position = edit.end
    return b"".join((*pieces, raw[position:]))


def in_one_piece(wanted: Wanted, envelope: Envelope, outcome: Tracked | Unchanged) -> Wanted:
    """What record and reply say was asked for. Of a copy that several share nobody can tell who opened it, so neither
    may claim that; and the sender hears that it came to this."""
    if not wanted.individually or len(envelope.recipients) < 2 or outcome.reason:
        return wanted
    return replace(wanted, individually=False, notes=(*wanted.notes, "X-Track-Individually: one copy for all"))


def changes_subject(wanted: Wanted) -> bool:
    """Whether the subject tag is taken out, so that the record must not have it either."""
    return any(edit.kind is SpanKind.SUBJECT for edit in wanted.header_edits)


def content_of(raw: bytes, wanted: Wanted, outcome: Tracked | Unchanged, sender: str) -> bytes:
    """The message as it is sent, less its control headers in any case."""
    if isinstance(outcome, Tracked):
        return outcome.raw
    edits = wanted.header_edits
    if wanted.fallback_receipt and outcome.reason is Reason.NO_CONSENT:
        receipt = receipt_edit(raw, sender)
        edits = (receipt, *edits) if receipt is not None else edits
    return spliced(raw, edits)
