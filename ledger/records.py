"""What the ledger keeps, as frozen values: messages, copies, links, hits. No I/O, no SQL.

The words are those of the contract; the same words stand in the schema, on the pages, in the API and in the log.
Times are aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ledger.message_id import MessageId


class Reason(StrEnum):
    """Why a message was left as it was."""

    NOT_REQUESTED = "not-requested"
    NOTHING_TO_TRACK = "nothing-to-track"
    NO_HTML = "no-html"
    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    DKIM_SIGNED = "dkim-signed"
    MALFORMED = "malformed"
    CHARSET = "charset"
    TOO_LARGE = "too-large"
    TOO_COMPLEX = "too-complex"
    TIMEOUT = "timeout"
    NO_CONSENT = "no-consent"
    EXCLUDED_RECIPIENT = "excluded-recipient"
    SEVERAL_RECIPIENTS = "several-recipients"
    LEDGER_UNAVAILABLE = "ledger-unavailable"
    INTERNAL = "internal"


class LinkReason(StrEnum):
    """Why a link was left as it was."""

    SCHEME = "scheme"
    RELATIVE = "relative"
    OWN = "own"
    UNSUBSCRIBE = "unsubscribe"
    TEXT_IS_URL = "text-is-url"
    OPTED_OUT = "opted-out"
    EXCLUDED_DOMAIN = "excluded-domain"
    SECRET = "secret"  # noqa: S105 - a reason, not a password
    QUOTED = "quoted"
    TOO_LONG = "too-long"
    INVALID = "invalid"


class State(StrEnum):
    """What became of a message at the upstream."""

    SENT = "sent"
    REFUSED = "refused"
    IN_DOUBT = "in-doubt"
    QUEUED = "queued"
    PARTLY = "partly"


def state_of_copies(copies: Iterable[State]) -> State:
    """What became of a message from what became of its copies: ``queued`` while one waits, then the one they share,
    else ``partly``. Where it may be that nobody has it, and may be that somebody has, it is ``in-doubt``."""
    found = set(copies)
    if State.QUEUED in found:
        return State.QUEUED
    if found == {State.REFUSED, State.IN_DOUBT}:
        return State.IN_DOUBT
    return found.pop() if len(found) == 1 else State.PARTLY


class HitKind(StrEnum):
    OPEN = "open"
    CLICK = "click"


class HitClass(StrEnum):
    """Who made a hit."""

    HUMAN = "human"
    IMAGE_PROXY = "image-proxy"
    PRIVACY_PREFETCH = "privacy-prefetch"
    SECURITY_SCANNER = "security-scanner"
    LINK_PREVIEW = "link-preview"
    BOT = "bot"
    OWN = "own"

    @property
    def column(self) -> str:
        """Under which of the reported numbers it counts: confirmed, possible, machine or own."""
        match self:
            case HitClass.HUMAN | HitClass.IMAGE_PROXY:
                return "confirmed"
            case HitClass.PRIVACY_PREFETCH:
                return "possible"
            case HitClass.OWN:
                return "own"
            case HitClass.SECURITY_SCANNER | HitClass.LINK_PREVIEW | HitClass.BOT:
                return "machine"


class Confidence(StrEnum):
    CERTAIN = "certain"
    PROBABLE = "probable"


class LinkRecord(NamedTuple):  # a newsletter has a hundred: made in a third of the time that a dataclass takes
    """One ``a`` or ``area`` link of a message, tracked or not; ``number`` counts from 1 in reading order."""

    number: int
    url: str
    text: str = ""
    name: str = ""
    part: str = ""  # as in IMAP: "1.2"
    tracked: bool = False
    reason: LinkReason | None = None


@dataclass(frozen=True, slots=True)
class CopyRecord:
    """What one recipient gets. Number 0 is the copy that all recipients share; its address is empty."""

    number: int
    address: str = ""
    state: State = State.QUEUED
    reply: str = ""
    tracks_opens: bool = True  # False: its recipient allows less than the message's others
    tracks_links: bool = True


# Our own probes (mailglass doctor, the Set-up page's test) carry this tag: they are listed, but are nobody's mail, so
# charts and sums leave them out, and so do lists of what was opened or not.
PROBE_TAG = "mailglass-probe"


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """What is kept about a message, committed before it leaves."""

    id: MessageId
    submitted_at: datetime
    sender: str  # the envelope's
    recipients: tuple[str, ...]
    login: str = ""  # the SMTP login, for whose mail it is
    listener: str = ""
    subject: str = ""
    header_id: str = ""  # Message-ID as written, with its angle brackets
    opens: bool = False
    links: bool = False
    individually: bool = False
    counts_only: bool = False  # hits leave numbers a day, never rows
    reason: Reason | None = None
    tags: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what was odd about the request
    notify: str = ""  # off, first, every, unopened=3d; empty: the sender's setting
    record_until: datetime | None = None
    client_network: str = ""  # where it was submitted from, for telling own hits; kept 24 hours
    state: State = State.QUEUED
    reply: str = ""  # the upstream's final one
    copies: tuple[CopyRecord, ...] = ()
    link_list: tuple[LinkRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class HitFacts:
    """What a request said about its maker, before minimisation. Never stored whole unless settings say so."""

    method: str
    headers: Mapping[str, str]
    ip: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who made a hit, how sure that is, and the rule that says so."""

    hit_class: HitClass
    confidence: Confidence
    rule: str


@dataclass(slots=True)  # not frozen: thousands are made a second, and a frozen one takes four times as long to make
class Hit:
    """One answered request for a pixel or a link. ``id`` is unique for ever: replaying a hit stores it once."""

    id: str  # a ULID: its order is the order of arrival
    at: datetime
    kind: HitKind
    message: MessageId
    copy: int
    link: int  # 0 for an open
    method: str
    verdict: Verdict
    user_agent: str = ""  # as minimised by [privacy]
    ip: str = ""  # as minimised by [privacy]
    evidence: str = ""  # minimised facts that rules may look at again, as JSON
    repeats: int = 1  # how many hits this row stands for (more than 60 a minute are counted in one)


@dataclass(frozen=True, slots=True)
class DayCount:
    """Hits of one day on a message that is counted only: how many of one kind, link and class. Below zero takes back,
    when a class turned out to be another. Nothing tells one hit from the next."""

    message: MessageId
    day: datetime  # its beginning, in UTC
    kind: HitKind
    link: int  # 0 for an open
    hit_class: HitClass
    number: int = 1


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What is counted together. ``id`` is random: a group that went to the journal although it was committed after all
    is known by it, as long as the process lives that writes."""

    id: str
    counts: tuple[DayCount, ...]
