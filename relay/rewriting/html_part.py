"""One HTML body part: which of its spans change.

Decides, with ``link_rules``, which links are tracked, which marks and old pixels go, and that there is one pixel in
the message. Numbers links on from those of earlier parts. Whether the message has been rewritten before shows in any of
its parts, so that is asked of each and decided by who sees all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import itemgetter

from ledger.records import LinkReason, LinkRecord, Reason
from ledger.tokens import HIGHEST_NUMBER
from ledger.urls import TrackingUrls, destination_of, is_too_long
from relay.rewriting.character_references import encode_attribute
from relay.rewriting.charsets import Text
from relay.rewriting.html_spans import HtmlSpans, LinkSpan, find_spans
from relay.rewriting.link_rules import LinkCandidate, LinkPolicy, is_usual, judge
from relay.rewriting.mime_spans import Part
from relay.rewriting.opt_out import has_no_track_scheme
from relay.rewriting.part_text import text_of
from relay.rewriting.pixel_place import CLIPPED_FROM, find_place
from relay.rewriting.plan import Plan, SpanKind
from relay.rewriting.slots import PreparedBody, Slot
from relay.rewriting.surroundings import words_round
from relay.rewriting.transfer import Body, line_end_in
from relay.rewriting.unsubscribe import says_nothing_itself, sentence_says_so
from relay.rewriting.visible_text import host_in_text

# A letter that stands behind one of these makes a tag or another letter of it: a pixel between them keeps them apart.
_BEGINNING = re.compile(rb"(?:<[/!?]?|&#?\w{0,30})\Z")
_LONGEST_BEGINNING = 32


@dataclass(frozen=True, slots=True)
class HtmlReading:
    """A part as it is, before anything is planned."""

    part: Part
    body: Body
    text: Text
    spans: HtmlSpans

    def has_own_pixel(self, urls: TrackingUrls) -> bool:
        """Whether our pixel is in it, outside quoted text."""
        return any(not image.in_quoted_text and urls.is_own_pixel(image.source.strip()) for image in self.spans.images)

    def has_own_link(self, urls: TrackingUrls) -> bool:
        """Whether one of its links is tracked already, outside quoted text."""
        return any(
            not link.in_quoted_text and urls.is_own(link.href) and urls.original_of(link.href) is not None
            for link in self.spans.links
        )


@dataclass(frozen=True, slots=True)
class HtmlPlan:
    """What ``plan_html`` works on. ``is_done``: what an earlier rewriting left untracked stays so, since it has taken
    the authors' opt-outs away."""

    reading: HtmlReading
    plan: Plan
    policy: LinkPolicy
    urls: TrackingUrls
    links_before: int
    is_main: bool
    is_done: bool


@dataclass(frozen=True, slots=True)
class HtmlResult:
    body: PreparedBody
    links: list[LinkRecord]
    opens: bool
    is_ordinary: bool


def read_html(part: Part, body: Body) -> HtmlReading | Reason:
    """What is in the part; CHARSET or TOO_COMPLEX when it cannot be read with certainty."""
    text = text_of(part, body)
    if text is None:
        return Reason.CHARSET
    spans = find_spans(text)
    return Reason.TOO_COMPLEX if spans is None else HtmlReading(part, body, text, spans)


def plan_html(job: HtmlPlan) -> HtmlResult | Reason:
    """The part with its slots; TOO_COMPLEX when it holds more links than can be numbered."""
    text, spans = job.reading.text, job.reading.spans
    if job.links_before + len(spans.links) > HIGHEST_NUMBER:
        return Reason.TOO_COMPLEX
    slots: list[Slot] = []
    links = _Links(job, slots).take(spans.links)
    removed = _take_out_pixels(job, slots)
    slots.extend(
        Slot(start, end, SpanKind.ATTRIBUTE, b"")
        for start, end in spans.marks
        if not any(first <= start < last for first, last in removed)
    )
    opens = _put_in_pixel(job, slots)
    slots.sort(key=itemgetter(0, 1))  # what goes in before what comes out at the same place
    newline = line_end_in(text.scan, job.reading.body.newline)
    body = PreparedBody(job.reading.body, text, tuple(slots), job.plan.lines, newline)
    return HtmlResult(body, links, opens, not spans.tokens.unusual)


class _Links:
    """The part's links, one after the other: which are tracked, and why the others are not."""

    def __init__(self, job: HtmlPlan, slots: list[Slot]) -> None:
        self._job = job
        self._slots = slots

    def take(self, spans: list[LinkSpan]) -> list[LinkRecord]:
        job, slots, part = self._job, self._slots, self._job.reading.part.number
        policy, is_own, wanted = job.policy, job.urls.grammar.is_own, job.plan.html_links
        records: list[LinkRecord] = []
        for number, span in enumerate(spans, job.links_before + 1):
            start, end, quote, href, text, attributes, quoted, conditional, inert, alternative, _, _ = span
            words = text or alternative
            destination = destination_of(href)
            reason: LinkReason | None = None
            if (
                destination is None
                or attributes
                or quoted
                or inert
                or is_own(destination)
                or not is_usual(destination, text, words, policy, in_sentence=not conditional)
            ):
                reason, destination = self._judged(span, destination)
            if reason is None and destination is not None:
                if job.is_done:
                    reason = LinkReason.OPTED_OUT
                elif is_too_long(destination):
                    reason = LinkReason.TOO_LONG
            tracked = wanted and reason is None and destination is not None
            if tracked and destination is not None:
                slots.append(Slot(start, end, SpanKind.HREF, None, number, destination, quote))
            elif reason is LinkReason.OPTED_OUT and not inert and has_no_track_scheme(href):
                destination = _take_out_scheme(span, slots)
            name = attributes.get("data-track-name", "") if attributes else ""
            records.append(LinkRecord(number, destination or href.strip(), words, name, part, tracked, reason))
        return records

    def _judged(self, span: LinkSpan, destination: str | None) -> tuple[LinkReason | None, str | None]:
        """What a closer look finds: the reason, and the destination, which an earlier mail of ours may hold."""
        urls, policy = self._job.urls, self._job.policy
        own = destination is not None and urls.is_own(destination)
        reason: LinkReason | None
        if span.inert:
            candidate = LinkCandidate(span.href, destination, "", {}, False, own)
            reason = judge(candidate, policy) or LinkReason.INVALID
        elif own and destination and span.in_quoted_text and (original := urls.original_of(destination)) is not None:
            new = encode_attribute(original, span.quote).encode("ascii")
            self._slots.append(Slot(span.start, span.end, SpanKind.HREF, new))
            return LinkReason.QUOTED, original
        else:
            candidate = LinkCandidate(
                span.href, destination, span.text, span.attributes, span.in_quoted_text, own, span.alternative
            )
            reason = judge(candidate, policy)
        if (
            reason in (None, LinkReason.TEXT_IS_URL)
            and not span.conditional
            and _ends_subscription(self._job.reading.text, span)
        ):
            reason = LinkReason.UNSUBSCRIBE
        return reason, destination


def _ends_subscription(text: Text, span: LinkSpan) -> bool:
    """Whether the link's own words say nothing, and its sentence that it ends a subscription."""
    words = span.text or span.alternative
    if not (says_nothing_itself(words) or (span.text and host_in_text(span.text))):
        return False
    return bool(span.after) and sentence_says_so(*words_round(text, span.tag_start, span.after))


def _take_out_scheme(span: LinkSpan, slots: list[Slot]) -> str | None:
    """``https+notrack://`` goes on as ``https://``."""
    at = span.href.lower().find("+notrack")  # nothing before it changes its length
    plain = span.href[:at].lstrip() + span.href[at + len("+notrack") :]
    slots.append(Slot(span.start, span.end, SpanKind.HREF, encode_attribute(plain, span.quote).encode("ascii")))
    return destination_of(plain)


def _take_out_pixels(job: HtmlPlan, slots: list[Slot]) -> list[tuple[int, int]]:
    """Our pixels in quoted text: whoever is answered does not open the mail again."""
    html = job.reading.text.scan
    removed = [
        (image.start, image.end)
        for image in job.reading.spans.images
        if image.in_quoted_text
        and job.urls.shows_own_pixel(image.source)
        and not _BEGINNING.search(html, max(0, image.start - _LONGEST_BEGINNING), image.start)
    ]
    slots.extend(Slot(start, end, SpanKind.PIXEL, b"") for start, end in removed)
    return removed


def _put_in_pixel(job: HtmlPlan, slots: list[Slot]) -> bool:
    """Add the pixel and the lines; whether there is a pixel."""
    plan, reading = job.plan, job.reading
    html, spans = reading.text.scan, reading.spans

    def has_room(place: int) -> bool:
        return reading.body.has_room(reading.text.place(place))

    if not job.is_main:
        return False
    opens = plan.opens and not reading.has_own_pixel(job.urls)
    if opens:
        at_top = plan.pixel_at_top or _final_length(html, slots) > CLIPPED_FROM
        place = find_place(html, spans, at_top=at_top, has_room=has_room)
        opens = place is not None
        if place is not None:
            slots.append(Slot(place, place, SpanKind.PIXEL))
    if plan.notice or plan.withdrawal:
        place = find_place(html, spans, at_top=False, has_room=has_room)
        if place is not None:
            slots.append(Slot(place, place, SpanKind.NOTICE))
    return opens


def _final_length(html: bytes, slots: list[Slot]) -> int:
    # A tracked link grows by public_url, token and escapes: some 150 bytes, and by its own length at most.
    return len(html) + sum(150 for slot in slots if slot.link)
