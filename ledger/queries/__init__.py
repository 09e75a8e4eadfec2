"""The questions of page, API and command line. Each function takes a read-only connection; the SQL stands beside it."""

from ledger.queries.hits import HitFilter, list_hits, newest_hit_seq
from ledger.queries.messages import MessageFilter, list_messages
from ledger.queries.messages import message_detail as message
from ledger.queries.rows import (
    ADMINISTRATOR,
    CopyRow,
    Counts,
    HitRow,
    LinkRow,
    MessageDetail,
    MessageRow,
    Page,
    Viewer,
)
from ledger.queries.stats import Slot, per_day, per_weekday_hour, totals

__all__ = [
    "ADMINISTRATOR",
    "CopyRow",
    "Counts",
    "HitFilter",
    "HitRow",
    "LinkRow",
    "MessageDetail",
    "MessageFilter",
    "MessageRow",
    "Page",
    "Slot",
    "Viewer",
    "list_hits",
    "list_messages",
    "message",
    "newest_hit_seq",
    "per_day",
    "per_weekday_hour",
    "totals",
]
