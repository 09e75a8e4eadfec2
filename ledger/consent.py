"""Whether a hit may be recorded at all: not after recording was stopped, nor after its time ran out. Pure.

What is answered never depends on it: pixels and links work as before.
"""

from __future__ import annotations

from datetime import datetime

from ledger.book import FOR_EVER


def recording_ends(stopped_at: int | None, record_until: int | None) -> int:
    """From when on nothing is recorded, in milliseconds since 1970."""
    return min(stopped_at if stopped_at is not None else FOR_EVER, record_until or FOR_EVER)


def may_record(at: datetime, stopped_at: datetime | None, record_until: datetime | None) -> bool:
    return (stopped_at is None or at < stopped_at) and (record_until is None or at < record_until)
