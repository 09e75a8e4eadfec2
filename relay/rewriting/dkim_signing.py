"""Signing a rewritten message again, for ``dkim_signed = "track"`` with a key of one's own (RFC 6376).

Tracking breaks the signature that a message came with. That signature stays in the mail: a verifier must treat one
that fails as if it were not there (section 6.1), and it is not ours to take out. The new one goes on top, covers the
message as it is sent, and is made with the domain and key that the operator configured. When no signature can be made
the answer is doubt, and the original, with its own signature whole, is what must be sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.records import Reason
from relay.rewriting.plan import Edit, SpanKind, Tracked, Unchanged


@dataclass(frozen=True, slots=True)
class DkimKey:
    """An RSA private key in PEM form, and under which name its public half stands in the DNS."""

    selector: str
    domain: str
    pem: bytes = field(repr=False)


def sign(raw: bytes, key: DkimKey) -> bytes | None:
    """A ``DKIM-Signature`` field with its line end, to be put before the message; None when none can be made
    (no From, a header that is none, a key that cannot be read)."""
    import dkim  # noqa: PLC0415 - brings a DNS library, 5 MB and a fifth of a second, and few installations sign

    try:
        signature = dkim.sign(
            raw,
            key.selector.encode("ascii"),
            key.domain.encode("ascii"),
            key.pem,
            # Servers on the way may fold and trim, and the signature is to survive that.
            canonicalize=(b"relaxed", b"relaxed"),
        )
    except (dkim.DKIMException, ValueError, TypeError, IndexError, KeyError):
        return None
    return bytes(signature)


def can_sign(key: DkimKey) -> bool:
    """Whether signatures can be made with this key, selector and domain."""
    return sign(b"From: a@example.com\r\n\r\n", key) is not None


def signed_again(result: Tracked, key: DkimKey) -> Tracked | Unchanged:
    """The tracked message under a new signature, or why the original must go out instead."""
    signature = sign(result.raw, key)
    if signature is None:
        notes = (*result.notes, "DKIM: no new signature could be made")
        return Unchanged(Reason.DKIM_SIGNED, result.link_list, notes)
    on_top = Edit(0, 0, signature, SpanKind.HEADER)
    return Tracked(signature + result.raw, (on_top, *result.edits), result.opens, result.link_list, result.notes)
