"""Rewriting one message: raw bytes and a plan give ``Tracked`` or ``Unchanged``. Pure.

Decides what of the plan can be done without doubt. ``prepare`` looks at a message once; ``render`` then makes any
number of copies of it, which differ in their tokens alone. How parts, encodings, charsets and HTML are read is
decided in the modules imported here; which links are tracked, in ``link_rules``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from ledger.records import LinkReason, LinkRecord, Reason
from ledger.urls import TrackingUrls
from relay.rewriting.body_parts import BodyParts, choose_body_parts, inline_pgp
from relay.rewriting.html_part import HtmlPlan, HtmlReading, plan_html, read_html
from relay.rewriting.link_rules import LinkPolicy
from relay.rewriting.mime_spans import Part, find_parts
from relay.rewriting.notice_lines import language_of
from relay.rewriting.plan import Edit, Plan, Tracked, Unchanged
from relay.rewriting.slots import PreparedBody, Slot, fill
from relay.rewriting.text_part import TextResult, plan_text
from relay.rewriting.transfer import PlainBody, line_end_of, read_body, splice
from relay.rewriting.unsubscribe import list_unsubscribe


@dataclass(slots=True)
class Prepared:
    """A message that will be tracked: which spans change, and what fills them.

    ``is_ordinary`` is False when the HTML is of a kind on which browsers' tree builders decide more than the scanner
    follows: then ``second_opinion.agrees`` must be asked about each result before it is sent.
    """

    raw: bytes
    header_edits: tuple[Edit, ...]
    bodies: tuple[PreparedBody, ...]
    body_edits: tuple[Edit, ...]  # of copy 0, which most messages have alone
    link_list: tuple[LinkRecord, ...]
    opens: bool
    notes: tuple[str, ...] = ()
    is_ordinary: bool = True


@dataclass(slots=True)
class _Readings:
    """The body parts as they are, in their order, each with the number of links in those before it."""

    policy: LinkPolicy
    rows: list[tuple[int, HtmlReading | TextResult]] = field(default_factory=list)
    link_count: int = 0
    main: HtmlReading | None = None  # the first HTML, which gets the pixel

    def add(self, reading: HtmlReading | TextResult, links: int) -> None:
        self.rows.append((self.link_count, reading))
        self.link_count += links
        if self.main is None and isinstance(reading, HtmlReading):
            self.main = reading

    def has_own_link(self, urls: TrackingUrls) -> bool:
        return any(reading.has_own_link(urls) for _, reading in self.rows)


@dataclass(slots=True)
class _Findings:
    """What the parts yield while they are gone through."""

    bodies: list[PreparedBody] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)  # of copy 0
    links: list[LinkRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    opens: bool = False
    is_ordinary: bool = True


def rewrite(raw: bytes, plan: Plan, urls: TrackingUrls, copy: int = 0) -> Tracked | Unchanged:
    """The message as the recipients of that copy get it, or why it goes out as it came."""
    prepared = prepare(raw, plan, urls)
    return prepared if isinstance(prepared, Unchanged) else render(prepared, urls, copy)


def apply_header_edits(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """The message with its control headers taken out, and otherwise as it came."""
    return splice(raw, sorted(edits, key=itemgetter(0))) if edits else raw


def render(prepared: Prepared, urls: TrackingUrls, copy: int = 0) -> Tracked:
    """One copy. ``copy`` 0 is the one that all recipients share."""
    edits = list(prepared.header_edits)
    if copy == 0:
        edits.extend(prepared.body_edits)
    else:
        for body in prepared.bodies:
            edits.extend(fill(body, urls, copy).edits)
    edits.sort(key=itemgetter(0))
    return Tracked(splice(prepared.raw, edits), tuple(edits), prepared.opens, prepared.link_list, prepared.notes)


def prepare(raw: bytes, plan: Plan, urls: TrackingUrls) -> Prepared | Unchanged:
    """Look at the message once; ``Unchanged`` names the reason why nothing can or need be tracked."""
    if not (plan.opens or plan.html_links or plan.text_links):
        return Unchanged(Reason.NOT_REQUESTED)
    if len(raw) > plan.max_bytes:
        return Unchanged(Reason.TOO_LARGE)
    parts = find_parts(raw)
    if isinstance(parts, Reason):
        return Unchanged(parts)
    chosen = choose_body_parts(raw, parts)
    if isinstance(chosen, Reason):
        return Unchanged(chosen)
    if not plan.track_dkim_signed and parts[0].header.named("dkim-signature"):
        return Unchanged(Reason.DKIM_SIGNED)
    language = _language(raw, parts[0])
    plan = replace(plan, language=language) if language else plan
    readings = _read(raw, plan, _policy(raw, plan, urls, parts[0]), urls, chosen)
    if isinstance(readings, Reason):
        return Unchanged(readings)
    findings = _go_through(readings, plan, urls, is_done=_is_rewritten_already(readings, plan, urls))
    if isinstance(findings, Reason):
        return Unchanged(findings)
    return _conclude(raw, plan, urls, chosen, findings)


def _read(raw: bytes, plan: Plan, policy: LinkPolicy, urls: TrackingUrls, chosen: BodyParts) -> _Readings | Reason:
    """What is in the body parts, in their order; a reason when one of them is in doubt."""
    readings = _Readings(policy)
    wants_lines = plan.notice or plan.withdrawal
    newline = line_end_of(raw)
    for part in sorted((*chosen.html, *chosen.text), key=lambda part: part.body_start):
        is_html = part.kind == "text/html"
        body = read_body(raw, part, newline)
        if body is None:
            if is_html:
                return Reason.MALFORMED
            continue
        protected = inline_pgp(body.decoded)
        if protected:
            return protected
        if is_html:
            reading = read_html(part, body)
            if isinstance(reading, Reason):
                return reading
            readings.add(reading, len(reading.spans.links))
        elif plan.text_links or wants_lines:
            text = plan_text(part, body, plan, policy, urls, readings.link_count)
            if text is not None:
                readings.add(text, len(text.links))
    return readings


def _is_rewritten_already(readings: _Readings, plan: Plan, urls: TrackingUrls) -> bool:
    """Whether we have been here before: our pixel, or where none is wanted our links, outside quoted text.

    The first time has taken the authors' opt-outs away, so what it left untracked stays so, in every part.
    """
    if plan.opens:
        return readings.main is not None and readings.main.has_own_pixel(urls)
    return readings.has_own_link(urls)


def _go_through(readings: _Readings, plan: Plan, urls: TrackingUrls, *, is_done: bool) -> _Findings | Reason:
    findings = _Findings()
    for links_before, reading in readings.rows:
        if isinstance(reading, TextResult):
            _settle(reading.body, reading.links, urls, findings)
            continue
        is_main = reading is readings.main
        done = is_done or (plan.opens and reading.has_own_pixel(urls))
        result = plan_html(HtmlPlan(reading, plan, readings.policy, urls, links_before, is_main, done))
        if isinstance(result, Reason):
            return result
        findings.is_ordinary = findings.is_ordinary and result.is_ordinary
        findings.opens = findings.opens or result.opens
        _settle(result.body, result.links, urls, findings)
    if plan.opens and not (findings.opens or is_done) and readings.has_own_link(urls):
        return _go_through(readings, plan, urls, is_done=True)  # an earlier time found no room for the pixel, either
    return findings


def _settle(body: PreparedBody, links: list[LinkRecord], urls: TrackingUrls, findings: _Findings) -> None:
    """Fill the slots once, to learn which of them their lines have no room for."""
    carried = fill(body, urls, 0)
    if carried.too_long and isinstance(body.body, PlainBody):
        body = body.with_broken_pixel()
        carried = fill(body, urls, 0)
    if not carried.too_long:
        findings.links.extend(links)
        if body.slots:
            findings.bodies.append(body)
            findings.edits.extend(carried.edits)
        return
    kept = tuple(slot for index, slot in enumerate(body.slots) if index not in carried.too_long)
    dropped = [slot for index, slot in enumerate(body.slots) if index in carried.too_long]
    without = {slot.link for slot in dropped if slot.link}
    findings.links.extend(
        LinkRecord(row.number, row.url, row.text, row.name, row.part, False, LinkReason.TOO_LONG)
        if row.number in without
        else row
        for row in links
    )
    if any(slot.is_pixel for slot in dropped):
        findings.opens = False
        findings.notes.append("pixel: its line could not stay under 998 octets")
    if kept:
        findings.bodies.append(body.only(kept))
        findings.edits.extend(carried.edits)


def _conclude(
    raw: bytes, plan: Plan, urls: TrackingUrls, chosen: BodyParts, findings: _Findings
) -> Prepared | Unchanged:
    links, notes = tuple(findings.links), tuple(findings.notes)
    tracks = findings.opens or any(link.tracked for link in links)
    if not tracks and not chosen.html and (plan.opens or plan.html_links):
        return Unchanged(Reason.NO_HTML, links, notes)
    bodies = findings.bodies
    if tracks and plan.lines and not tells_everybody(bodies):
        # What recipients were promised to read is not in what they would get.
        return Unchanged(Reason.TOO_COMPLEX, links, (*notes, "the line for recipients has no place"))
    if not tracks:
        # The lines tell of tracking, so they have no place here; what was put back to its original stays so.
        bodies = [body.only(tuple(slot for slot in body.slots if not slot.is_line)) for body in bodies]
        bodies = [body for body in bodies if body.slots]
        if not bodies:
            return Unchanged(Reason.NOTHING_TO_TRACK, links, notes)
        findings.edits = [edit for body in bodies for edit in fill(body, urls, 0).edits]
    edits = tuple(findings.edits)
    return Prepared(raw, plan.header_edits, tuple(bodies), edits, links, findings.opens, notes, findings.is_ordinary)


def tells_everybody(bodies: Sequence[PreparedBody]) -> bool:
    """Whether whoever is tracked reads about it: each kind of part that tells something has a line in one of its
    parts."""
    tracking = {body.is_html for body in bodies if any(slot.link or slot.is_pixel for slot in body.slots)}
    return tracking <= {body.is_html for body in bodies if any(slot.is_line for slot in body.slots)}


def _language(raw: bytes, top: Part) -> str:
    fields = top.header.named("content-language")
    return language_of(fields[0].value(raw)) if len(fields) == 1 else ""


def _policy(raw: bytes, plan: Plan, urls: TrackingUrls, top: Part) -> LinkPolicy:
    named: frozenset[str] = frozenset()
    for header in top.header.named("list-unsubscribe"):
        named |= list_unsubscribe(header.value(raw))
    return LinkPolicy(plan.text_is_url, plan.quoted, plan.skip_domains, named, urls.grammar.public_url)


__all__ = ["Prepared", "Slot", "apply_header_edits", "prepare", "render", "rewrite"]
