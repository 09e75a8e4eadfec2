"""What questions get back: frozen rows in the words of the contract. Times are aware UTC datetimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from ledger.message_id import MessageId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. Administrators see everything; others the mail of their login and of their addresses."""

    login: str = ""
    addresses: tuple[str, ...] = ()
    admin: bool = False


ADMINISTRATOR = Viewer(admin=True)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``next`` is the cursor of the following, older page; None on the last one."""

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """The three numbers, and the sender's own apart."""

    confirmed: int = 0
    possible: int = 0
    machine: int = 0
    own: int = 0


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message of a list."""

    seq: int
    id: MessageId
    submitted_at: datetime
    accepted_at: datetime | None
    login: str
    sender: str
    listener: str
    recipients: tuple[str, ...]
    recipient_count: int
    subject: str
    message_id: str  # the Message-ID header, with its angle brackets
    tags: tuple[str, ...]
    meta: Mapping[str, str]
    notes: tuple[str, ...]
    own_note: str
    opens: bool
    links: bool
    individually: bool
    tracked: bool
    counts_only: bool  # no single hit is kept
    reason: str | None
    notify: str
    record_until: datetime | None
    stopped_at: datetime | None
    state: str
    reply: str
    first_opened_at: datetime | None
    last_opened_at: datetime | None
    first_clicked_at: datetime | None
    last_clicked_at: datetime | None
    open_counts: Counts
    click_counts: Counts


@dataclass(frozen=True, slots=True)
class CopyRow:
    number: int
    address: str
    state: str
    reply: str
    first_opened_at: datetime | None
    last_opened_at: datetime | None
    first_clicked_at: datetime | None
    last_clicked_at: datetime | None
    open_counts: Counts
    click_counts: Counts
    tracks_opens: bool = True
    tracks_links: bool = True


@dataclass(frozen=True, slots=True)
class LinkRow:
    number: int
    url: str
    text: str
    name: str
    part: str
    tracked: bool
    reason: str | None
    first_clicked_at: datetime | None
    last_clicked_at: datetime | None
    click_counts: Counts


@dataclass(frozen=True, slots=True)
class MessageDetail:
    """One message with its copies and links; its hits are asked for by ``list_hits``."""

    message: MessageRow
    copies: tuple[CopyRow, ...]
    links: tuple[LinkRow, ...]


@dataclass(frozen=True, slots=True)
class HitRow:
    """One hit. ``message`` is None when the ledger does not know the message (for administrators only)."""

    seq: int
    id: str
    at: datetime
    kind: str
    message: MessageId | None
    copy: int
    link: int
    method: str
    hit_class: str
    confidence: str
    rule: str
    user_agent: str
    ip: str
    repeats: int
    counted: bool
    subject: str = ""  # of the message
    address: str = ""  # whom the copy went to, where that is known
    url: str = ""  # where the link leads
    link_text: str = ""  # what the recipient reads, or the link's name
    recipient_count: int = 1  # of the message

    @property
    def is_click(self) -> bool:
        return self.kind == "click"


def counts_of(row: Any, kind: str) -> Counts:
    """The counts of a row of message, copy or link; ``kind`` is opens or clicks."""
    fields = (f"{kind}_{column}" for column in ("confirmed", "possible", "machine", "own"))
    return Counts(*(getattr(row, name) for name in fields))


def page_of(rows: list[Any], limit: int, build: Callable[[Any], T], cursor: Callable[[Any], str]) -> Page[T]:
    """A page of ``limit`` from one row more than that, which tells whether there is another page."""
    shown = rows[:limit]
    following = cursor(shown[-1]) if len(rows) > limit else None
    return Page(tuple(build(row) for row in shown), following)
