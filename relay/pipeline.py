"""The life of one held message, as coroutines that read like a paragraph: rewrite, record, send, settle.

Tracking never endangers mail: whatever fails in deciding, rewriting or recording, the original goes out (less its
control headers) with a named reason. Only when the settings say so does a ledger that cannot be had refuse a message,
with 4yz. A tracked message is on record before its first octet leaves, so no link in a delivered mail is unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ledger.message_id import MessageId
from ledger.records import MessageRecord, Reason, State
from ledger.urls import TrackingUrls
from relay import logbook
from relay.header_facts import header_facts, is_signed
from relay.ledger_time import LEDGER_SECONDS, LedgerTime
from relay.outgoing import changes_subject, content_of, in_one_piece, spliced
from relay.permitted import (
    Version,
    exceptions,
    is_anything_planned,
    is_excluded,
    permitted_to,
    together,
    too_few,
    under_consent,
    withheld,
)
from relay.ports import Consents, Envelope, Records
from relay.prepared_copies import PreparedCopies, Tracks
from relay.replies import Fault, Reply, annotated
from relay.rewriting.explain import smtp_note
from relay.rewriting.optin import is_track_header
from relay.rewriting.plan import Plan, Tracked, Unchanged, Wanted
from relay.rewriting.rewrite import prepare, render


class Rewriter(Protocol):
    async def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        """Never fails, and is done in time: doubt, timeout and bugs are ``Unchanged``."""


@dataclass(frozen=True, slots=True)
class TrackingRules:
    """What the installation says about every message, whatever its headers ask for."""

    plan_for: Callable[[Wanted], Plan]
    until: Callable[[str, datetime], datetime | None]  # the end of recording, from X-Track-Until
    # What their names begin with, in lower case. Without any of them (and no default, no subject tag) nothing is asked.
    control_headers: tuple[bytes, ...] = (b"x-track",)
    is_control: Callable[[str], bool] = is_track_header  # a header's name in lower case
    always_decide: bool = False  # a default, a dialect or a subject tag may ask without a control header
    records_untracked: bool = False
    refuse_without_ledger: bool = False
    max_octets: int = 32 * 10**6  # larger messages are not held to be rewritten
    identity: str = "individual"  # individual | aggregate | off
    aggregate_minimum: int = 20
    never_recipients: tuple[str, ...] = ()
    keeps_subjects: bool = True


class Pipeline:
    def __init__(
        self,
        rules: TrackingRules,
        decide: Callable[[bytes], Wanted],
        rewriter: Rewriter,
        records: Records,
        consents: Consents,
        urls: Callable[[MessageId], TrackingUrls],
        mint_id: Callable[[], MessageId],
        clock: Callable[[], datetime],
        temporary: Path,
    ) -> None:
        self._rules = rules
        self._decide = decide
        self._rewriter = rewriter
        self._records = records
        self._consents = consents
        self._urls = urls
        self._mint_id = mint_id
        self._clock = clock
        self.temporary = temporary
        self.records_untracked = rules.records_untracked
        self.max_octets = rules.max_octets
        self.is_control = rules.is_control
        self.control_headers = rules.control_headers

    def may_concern(self, lowered_header: bytes) -> bool:
        """False when nothing in the header block can ask for anything: then nobody has to look closer."""
        rules = self._rules
        if rules.always_decide:
            return True
        for name in rules.control_headers:  # noqa: SIM110 - any() would make a generator for every message
            if lowered_header.find(name) != -1:
                return True
        return False

    def decide(self, header: bytes) -> Wanted:
        """What is asked for; nothing when that cannot be told."""
        try:
            return self._decide(header)
        except Exception as error:
            logbook.rewriting_failed("-", type(error).__name__)
            return Wanted()

    def with_header_edits(self, header: bytes, wanted: Wanted) -> bytes:
        return spliced(header, wanted.header_edits)

    async def begin(
        self, envelope: Envelope, raw: bytes, wanted: Wanted, is_divisible: bool, time: LedgerTime
    ) -> Delivery:
        """Rewrites and records; what comes back is to be sent, or says why the client must try again."""
        message_id = self._mint_id()
        outcome = await self._rewritten(message_id, envelope, raw, wanted, is_divisible, time)
        told = in_one_piece(wanted, envelope, outcome)
        record = self._record(message_id, envelope, raw, told, outcome)
        content, note = content_of(raw, wanted, outcome, envelope.sender), smtp_note(str(message_id), told, outcome)
        delivery = Delivery(self, message_id, record, content, note)
        is_unknown = outcome.reason is Reason.LEDGER_UNAVAILABLE  # who may be tracked: as good as no ledger
        if not (is_unknown and self._rules.refuse_without_ledger) and await delivery.register(time):
            return delivery
        if self._rules.refuse_without_ledger:
            delivery.refusal = Fault.LEDGER
            return delivery
        unavailable = Unchanged(Reason.LEDGER_UNAVAILABLE, notes=outcome.notes)
        return Delivery(
            self,
            message_id,
            None,
            content_of(raw, wanted, unavailable, envelope.sender),
            smtp_note(str(message_id), wanted, unavailable),
        )

    async def divide(self, envelope: Envelope, raw: bytes, wanted: Wanted, time: LedgerTime) -> PreparedCopies | None:
        """What one copy for each recipient is made of. None when the message is to go out in one piece: nobody may
        be tracked apart, or nothing can be tracked; ``begin`` then says why."""
        try:
            return await self._divided(envelope, raw, wanted, time)
        except Exception as error:  # a bug in what only tracking needs must not hold the mail up
            logbook.rewriting_failed("-", type(error).__name__)
            return None

    async def _divided(self, envelope: Envelope, raw: bytes, wanted: Wanted, time: LedgerTime) -> PreparedCopies | None:
        permitted = await self._permitted_apart(self._rules.plan_for(wanted), envelope, time)
        if not any(isinstance(one, Plan) for one in permitted) or is_signed(raw):
            return None  # a signature of our own is made for one copy that all share
        message_id = self._mint_id()
        urls = self._urls(message_id)
        copies = await self._versions(message_id, raw, self._rules.plan_for(wanted), permitted, urls)
        tracked = [one for one in copies if isinstance(one, Version) and one.outcome.reason is None]
        if not tracked:
            return None

        def rendered(number: int) -> bytes:
            version = copies[number - 1]
            return render(version.prepared, urls, number).raw if isinstance(version, Version) else plain

        unasked = Reason.EXCLUDED_RECIPIENT if Reason.EXCLUDED_RECIPIENT in copies else Reason.NO_CONSENT
        plain = content_of(raw, wanted, Unchanged(unasked), envelope.sender)
        outcome = together([version.outcome for version in tracked])
        outcome = replace(outcome, notes=(*exceptions(copies), *outcome.notes))
        return PreparedCopies(
            message_id,
            plain,
            rendered,
            tuple(one.tracks if isinstance(one, Version) else Tracks() for one in copies),
            tuple(isinstance(one, Version) for one in copies),
            self._record(message_id, envelope, raw, wanted, outcome),
            smtp_note(str(message_id), wanted, outcome),
        )

    async def _permitted_apart(self, plan: Plan, envelope: Envelope, time: LedgerTime) -> tuple[Plan | Reason, ...]:
        """For each recipient; none when that cannot be told, or when copies would tell more than may be known."""
        if self._rules.identity != "individual":
            return ()
        try:
            async with time.waiting():
                allowed = await self._consents.allowed(envelope.recipients, envelope.sender)
        except OSError:
            return ()
        never = self._rules.never_recipients
        return tuple(permitted_to(plan, address, allowed[address], never) for address in envelope.recipients)

    async def _versions(
        self, message_id: MessageId, raw: bytes, plan: Plan, permitted: Sequence[Plan | Reason], urls: TrackingUrls
    ) -> tuple[Version | Reason, ...]:
        """For each recipient what they get, or why they get the message as it was written."""
        made: dict[Plan | Reason, Version | Reason] = {}
        for one in dict.fromkeys(permitted):
            made[one] = one if isinstance(one, Reason) else await self._version(message_id, raw, one, one != plan, urls)
        return tuple(made[one] for one in permitted)

    async def _version(
        self, message_id: MessageId, raw: bytes, plan: Plan, is_part: bool, urls: TrackingUrls
    ) -> Version | Reason:
        outcome = await self._rewriter.rewrite(raw, plan, urls)
        if isinstance(outcome, Unchanged):
            return outcome.reason
        try:
            prepared = await asyncio.to_thread(prepare, raw, plan, urls)  # as quick as it was a moment ago
        except Exception as error:
            logbook.rewriting_failed(str(message_id), type(error).__name__)
            return Reason.INTERNAL
        return prepared.reason if isinstance(prepared, Unchanged) else Version(outcome, prepared, is_part)

    def begin_untracked(self, envelope: Envelope, header: bytes, wanted: Wanted, reason: Reason) -> Delivery:
        """A message that streams: nobody asked to track it, and the installation lists those too, or it is too large
        to be looked into."""
        message_id = self._mint_id()
        outcome = Unchanged(reason)
        record = self._record(message_id, envelope, header, wanted, outcome)
        return Delivery(
            self, message_id, record, b"", smtp_note(str(message_id), wanted, outcome) if wanted.asked else ""
        )

    async def record_doubt(self, envelope: Envelope, header: bytes) -> None:
        """A message without opt-in is in doubt: that it was is kept, and from whom; not to whom."""
        message_id = self._mint_id()
        logbook.message_in_doubt(str(message_id), "-")
        record = self._record(message_id, envelope, header, Wanted(), Unchanged(Reason.NOT_REQUESTED))
        await self.put_on_record(replace(record, recipients=(), subject="", state=State.IN_DOUBT), LedgerTime())

    async def _rewritten(
        self,
        message_id: MessageId,
        envelope: Envelope,
        raw: bytes,
        wanted: Wanted,
        is_divisible: bool,
        time: LedgerTime,
    ) -> Tracked | Unchanged:
        try:
            asked = self._rules.plan_for(wanted)
            plan = await self._permitted(asked, envelope, wanted, is_divisible, time)
            if isinstance(plan, Reason):
                few = plan is Reason.NO_CONSENT and self._has_too_few(envelope)
                why = (too_few(len(envelope.recipients), self._rules.aggregate_minimum),) if few else ()
                return Unchanged(plan, notes=(*why, *wanted.notes))
            if len(raw) > plan.max_bytes:
                return Unchanged(Reason.TOO_LARGE, notes=wanted.notes)
            outcome = await self._rewriter.rewrite(raw, plan, self._urls(message_id))
            notes = tuple(withheld(asked, plan))
            return replace(outcome, notes=(*notes, *outcome.notes)) if notes else outcome
        except Exception as error:  # a bug in what only tracking needs must not hold the mail up
            logbook.rewriting_failed(str(message_id), type(error).__name__)
            return Unchanged(Reason.INTERNAL, notes=wanted.notes)

    async def _permitted(
        self, plan: Plan, envelope: Envelope, wanted: Wanted, is_divisible: bool, time: LedgerTime
    ) -> Plan | Reason:
        """What of the plan settings and recipients allow; a copy that several share is tracked as far as all do."""
        if self._rules.identity == "off" or not is_anything_planned(plan):
            return Reason.NOT_REQUESTED
        if any(is_excluded(address, self._rules.never_recipients) for address in envelope.recipients):
            return Reason.EXCLUDED_RECIPIENT
        if wanted.individually and len(envelope.recipients) > 1 and not is_divisible:
            return Reason.SEVERAL_RECIPIENTS  # one copy each needs the spool; half of it would be a lie
        if self._has_too_few(envelope):
            return Reason.NO_CONSENT  # counts of so few people would tell who it was
        try:
            async with time.waiting():
                allowed = await self._consents.allowed(envelope.recipients, envelope.sender)
        except OSError:
            return Reason.LEDGER_UNAVAILABLE
        permitted = under_consent(plan, allowed.values())
        return permitted if is_anything_planned(permitted) else Reason.NO_CONSENT

    def _has_too_few(self, envelope: Envelope) -> bool:
        return self._rules.identity == "aggregate" and len(envelope.recipients) < self._rules.aggregate_minimum

    def _record(
        self, message_id: MessageId, envelope: Envelope, raw: bytes, wanted: Wanted, outcome: Tracked | Unchanged
    ) -> MessageRecord:
        now = self._clock()
        facts = header_facts(raw if not changes_subject(wanted) else spliced(raw, wanted.header_edits))
        tracked = outcome.reason is None
        return MessageRecord(
            id=message_id,
            submitted_at=now,
            sender=envelope.sender,
            recipients=envelope.recipients,
            login=envelope.login,
            listener=envelope.listener,
            subject=facts.subject if self._rules.keeps_subjects else "",
            header_id=facts.message_id,
            opens=isinstance(outcome, Tracked) and outcome.opens,
            links=tracked and any(link.tracked for link in outcome.link_list),
            individually=wanted.individually and tracked,
            counts_only=tracked and self._rules.identity == "aggregate",
            reason=outcome.reason,
            tags=wanted.tags,
            meta=wanted.meta,
            notes=tuple(dict.fromkeys((*wanted.notes, *outcome.notes))),
            notify=wanted.notify,
            record_until=self._rules.until(wanted.until, now) if wanted.until else None,
            client_network=envelope.client_network,
            link_list=outcome.link_list,
        )

    async def put_on_record(self, record: MessageRecord, time: LedgerTime) -> bool:
        """Whether the ledger has it."""
        try:
            async with time.waiting():
                await self._records.register(record)
        except Exception as error:  # a broken ledger must never stop mail, however it breaks
            logbook.ledger_failed(str(record.id), f"register {type(error).__name__}")
            return False
        return True

    def now(self) -> datetime:
        return self._clock()

    async def store_verdict(
        self, message_id: MessageId, state: State, reply: Reply, accepted_at: datetime | None = None
    ) -> None:
        try:
            async with asyncio.timeout(LEDGER_SECONDS):
                await self._records.settle(message_id, state, reply.text, accepted_at)
        except Exception as error:
            logbook.ledger_failed(str(message_id), f"settle {type(error).__name__}")


class Delivery:
    """One recorded message on its way; ``refusal`` is set when it must not be sent."""

    def __init__(
        self, pipeline: Pipeline, message_id: MessageId, record: MessageRecord | None, content: bytes, note: str
    ) -> None:
        self._pipeline = pipeline
        self._record = record
        self.message_id = message_id
        self._content = content
        self.note = note
        self.refusal: Fault | None = None
        self._replied_at: datetime | None = None

    def take_content(self) -> bytes:
        """What is to be sent; it is kept no longer."""
        content, self._content = self._content, b""
        return content

    async def register(self, time: LedgerTime) -> bool:
        if self._record is None or await self._pipeline.put_on_record(self._record, time):
            return True
        self._record = None
        return False

    def answer(self, reply: Reply) -> Reply:
        """The upstream's verdict as the client is to hear it: with what was done, if something was asked."""
        self._replied_at = self._pipeline.now()  # before the client hears it: whoever reads the mail comes later
        done, _, _ = self.note.partition("; ")  # what was odd may hold anybody's words, and is not the log's
        logbook.message_handled(str(self.message_id), done or "untracked", reply.code)
        return annotated(reply, self.note) if self.note and reply.is_positive else reply

    async def settle(self, reply: Reply) -> None:
        if self._record is not None:
            state = State.SENT if reply.is_positive else State.REFUSED
            accepted_at = (self._replied_at or self._pipeline.now()) if reply.is_positive else None
            await self._pipeline.store_verdict(self.message_id, state, reply, accepted_at)

    async def in_doubt(self, reply: Reply) -> None:
        logbook.message_in_doubt(str(self.message_id), "-")
        if self._record is not None:
            await self._pipeline.store_verdict(self.message_id, State.IN_DOUBT, reply)
