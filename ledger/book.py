"""What the writer remembers between transactions, so that a hit costs no reading: messages, repeated views, numbers.

Belongs to the transactions: only work inside one may touch it, and a rollback forgets all of it. What is missing is
read from the database.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FOR_EVER = 2**62
REMEMBERED_MESSAGES = 20_000
REMEMBERED_VIEWS = 100_000
REMEMBERED_GROUPS = 10_000


@dataclass(slots=True)
class KnownMessage:
    """What counting needs of a message's row. Times are milliseconds since 1970."""

    seq: int
    login: str
    sender: str
    shared: bool  # its copy 0 went to several recipients, who are told apart by where they look from
    recording_ends: int
    silent: frozenset[tuple[int, str]] = frozenset()  # copies and kinds whose recipients withdrew
    probe: bool = False  # one of our own, which no chart counts
    counts_only: bool = False  # no hit of it may be kept


# message seq, kind, copy, link, column, source: whose views are the same person's looking again
ViewKey = tuple[int, str, int, int, str, str]


class Book:
    def __init__(self) -> None:
        self.messages: OrderedDict[bytes, KnownMessage] = OrderedDict()
        self.views: OrderedDict[ViewKey, int] = OrderedDict()  # when the last counted one was
        self.views_known = False
        self.groups: OrderedDict[str, None] = OrderedDict()  # of counts without rows
        self.last_hit_seq: int | None = None
        self.last_message_seq: int | None = None

    def forget(self) -> None:
        self.messages.clear()
        self.views.clear()
        self.views_known = False
        self.groups.clear()
        self.last_hit_seq = None
        self.last_message_seq = None

    def remember(self, raw_id: bytes, message: KnownMessage) -> None:
        self.messages[raw_id] = message
        if len(self.messages) > REMEMBERED_MESSAGES:
            self.messages.popitem(last=False)

    def counts(self, key: ViewKey, at: int, window: int) -> bool:
        """Whether this view counts in summaries; then it begins a window of its own."""
        last = self.views.get(key)
        if last is None:
            self.views[key] = at
        elif abs(at - last) < window:  # a replayed hit may be older than what was counted
            return False
        else:
            self.views[key] = at
            self.views.move_to_end(key)
        if len(self.views) > REMEMBERED_VIEWS:
            self.views.popitem(last=False)
        return True

    def is_new_group(self, group: str) -> bool:
        if group in self.groups:
            return False
        self.groups[group] = None
        if len(self.groups) > REMEMBERED_GROUPS:
            self.groups.popitem(last=False)
        return True
