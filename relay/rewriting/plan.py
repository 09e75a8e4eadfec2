"""What goes into rewriting and what comes out, as frozen values.

``Wanted`` is what a message's headers (or its listener's default) ask for; ``Plan`` adds the installation's
policy; ``Tracked`` or ``Unchanged`` is the answer. Doubt is a value here: ``Unchanged`` always names its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from ledger.records import LinkRecord, Reason
from relay.rewriting.notice_lines import Lines


class SpanKind(StrEnum):
    """What stood, or now stands, at a replaced span (the report's ``kind``)."""

    HEADER = "header"
    SUBJECT = "subject"
    HREF = "href"
    ATTRIBUTE = "attribute"
    PIXEL = "pixel"
    NOTICE = "notice"
    TEXT_LINK = "text-link"
    PART = "part"


class Edit(NamedTuple):
    """Replace ``raw[start:end]`` by ``new``; an insertion has ``start == end``. Offsets are of the input's bytes."""

    start: int
    end: int
    new: bytes
    kind: SpanKind


class TextIsUrl(StrEnum):
    """What to do with a link whose visible text is itself a URL."""

    SAME_SITE = "same-site"
    LEAVE = "leave"
    TRACK = "track"


class Quoted(StrEnum):
    """What to do with links in quoted or forwarded text of an earlier mail."""

    LEAVE = "leave"
    TRACK = "track"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for one message.

    ``asked`` is False when neither a header nor a default asks for anything: then not a byte may change unless
    ``header_edits`` says so. ``header_edits`` cut the control headers out (and the subject tag) and apply whether
    or not the message is tracked in the end.
    """

    opens: bool = False
    html_links: bool = False
    text_links: bool = False
    individually: bool = False
    notice: bool | None = None  # None: the installation's setting
    asked: bool = False
    tags: tuple[str, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    until: str = ""  # as written and valid: "30d", "12h" or an ISO date
    notify: str = ""
    fallback_receipt: bool = False
    pixel_at_top: bool = False
    notes: tuple[str, ...] = ()
    header_edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with one message: what is wanted, under the installation's policy."""

    opens: bool
    html_links: bool
    text_links: bool = False
    notice: bool = False
    withdrawal: bool = False  # a line with the recipient's page, where consent is required
    language: str = "en"
    pixel_at_top: bool = False
    text_is_url: TextIsUrl = TextIsUrl.SAME_SITE
    quoted: Quoted = Quoted.LEAVE
    skip_domains: tuple[str, ...] = ()
    track_dkim_signed: bool = False
    max_bytes: int = 32 * 1024 * 1024
    header_edits: tuple[Edit, ...] = ()

    @property
    def lines(self) -> Lines:
        """What recipients are told, of what is planned and not of what a message holds: a consent is for that, too."""
        links = self.html_links or self.text_links
        return Lines(self.language, self.notice, self.withdrawal, self.opens, links)


@dataclass(frozen=True, slots=True)
class Tracked:
    """The message to send, and what was done. ``edits`` are in ascending order and do not overlap.

    Nothing of it need be tracked: the edits may have taken marks away, or what we once put in, and then ``reason``
    says so.
    """

    raw: bytes
    edits: tuple[Edit, ...]
    opens: bool
    link_list: tuple[LinkRecord, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def reason(self) -> Reason | None:
        """Why nothing of it is tracked; None where something is."""
        if self.opens or any(link.tracked for link in self.link_list):
            return None
        return Reason.NOTHING_TO_TRACK


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing but ``header_edits`` may be applied: the body goes out as it came, for this reason."""

    reason: Reason
    link_list: tuple[LinkRecord, ...] = ()
    notes: tuple[str, ...] = ()
