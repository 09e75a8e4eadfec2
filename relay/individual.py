"""One copy per recipient while the client waits: spool, record, deliver, answer.

The order is the promise. All copies are durable before the first leaves. Until the upstream has accepted one, the
message is the client's: when nobody takes it the client hears the refusal and nothing is kept. With the first 250 it
is ours, and the client hears 250, whatever becomes of the others; those are settled by the spool's runner, or, when
only the client's own login may send them, within the client's session.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Any, Protocol

from ledger.records import CopyRecord, MessageRecord, Reason
from relay.copies import PlannedCopy, Recipient, copy_records, plan_copies
from relay.copies_on_record import CopyRecords
from relay.copy_delivery import UNREADABLE_WORDS, CopyDelivery, loses_session, session_lost
from relay.delivery import Accepted, Doubtful, NotSent, Outcome, Refused, reset_quietly
from relay.failpoints import failpoint
from relay.header_facts import header_of
from relay.ledger_time import LedgerTime
from relay.ports import Conversation, Envelope
from relay.prepared_copies import PreparedCopies, Render
from relay.replies import Fault, RelayFault, Reply, annotated, compose
from relay.resends import names_itself
from relay.spool_conclusion import Conclusion
from relay.spool_files import SpoolFault, SpoolFull, SpoolUnreadable
from relay.spool_records import Credentials, SpoolHeader
from relay.spool_states import CopyState, Event, EventKind
from relay.spooled_message import SpooledMessage

log = logging.getLogger("mailglass.spool")

# After the first 250 the client's answer waits this long for the other copies, so that it can say how many went out.
# Clients wait minutes for the final reply; the longer the wait, the likelier one leaves without having heard it.
GRACE_SECONDS = 5.0
# Of the record of a message whose copies could not be made after all.
_UNTRACKED: dict[str, Any] = {"opens": False, "links": False, "link_list": ()}


class Ledger(CopyRecords, Protocol):
    """Records of messages and of their copies."""

    async def register(self, record: MessageRecord) -> None:
        """Committed when it returns. Raises OSError when the ledger is not to be had."""


@dataclass(frozen=True, slots=True)
class IndividualDelivery:
    """``upstream`` is the settings' name of it; ``has_account``: the relay logs in there with an account of its own."""

    upstream: str
    has_account: bool
    delivery: CopyDelivery
    conclusion: Conclusion
    ledger: Ledger
    clock: Callable[[], datetime]
    wake_runner: Callable[[], None]
    refuse_without_ledger: bool = False

    async def submit(
        self, envelope: Envelope, raw: bytes, prepared: PreparedCopies, conversation: Conversation, time: LedgerTime
    ) -> Reply:
        """The client's final reply, already given where it could not wait for the other copies.

        ``raw`` is the message as the client sent it. Raises RelayFault, having kept nothing, when the message stays
        the client's without a word of the upstream's.
        """
        digest = digest_of(envelope, raw)
        earlier = await asyncio.to_thread(self._earlier_reply, digest)
        if earlier is not None:
            return earlier
        await reset_quietly(conversation)  # ends the transaction in which the recipients were asked for
        message, untracked_for = await self._keep(
            envelope, prepared, digest, names_itself(header_of(raw).lower()), conversation, time
        )
        note = f"mailglass: not tracked, {untracked_for}" if untracked_for else prepared.note
        message.is_waited_for = True
        try:
            return await self._deliver(message, conversation, note)
        finally:
            message.claimed = message.is_waited_for = False
            self.wake_runner()

    async def heard(self, envelope: Envelope, raw: bytes) -> None:
        """The client that sends this again is told what became of it; once more, and it is another sending."""
        try:
            await asyncio.to_thread(lambda: self._earlier_reply(digest_of(envelope, raw)))
        except OSError as error:
            log.warning("an answer stays unheard in the spool: errno=%s", error.errno)

    def _credentials(self, conversation: Conversation) -> Credentials:
        if self.has_account:
            return Credentials.ACCOUNT
        if not conversation.is_logged_in:
            return Credentials.NONE
        return Credentials.CLIENT if conversation.account is None else Credentials.KEPT

    async def _keep(
        self,
        envelope: Envelope,
        prepared: PreparedCopies,
        digest: str,
        named: bool,
        conversation: Conversation,
        time: LedgerTime,
    ) -> tuple[SpooledMessage, Reason | None]:
        """Spool and ledger, in this order. A ledger that cannot be had makes the copies go untracked, and so does
        whatever fails in making them; the reason comes back."""
        copies, credentials = planned(envelope, prepared), self._credentials(conversation)
        account = conversation.account if credentials is Credentials.KEPT else None
        header = SpoolHeader(
            id=prepared.message_id,
            spooled_at=self.clock(),
            upstream=self.upstream,
            mail=envelope.mail,
            sender=envelope.sender,
            login=account.username if account else envelope.login,
            credentials=credentials,
            password=account.password if account else "",
            header_id=prepared.record.header_id,
            digest=digest,
            names_itself=named,
        )
        try:
            message, reason = await self._spool(header, prepared.plain, copies, prepared.render), None
        except RelayFault:
            raise
        except Exception as error:  # rewriting must never keep a message from going out
            log.error("copies could not be rendered and go untracked: message=%s %s", header.id, type(error).__name__)
            message = await self._spool(header, prepared.plain, untracked(copies), None)
            reason = Reason.INTERNAL
        failpoint("individual.before-ledger")
        record = prepared.record if reason is None else replace(prepared.record, **_UNTRACKED, reason=reason)
        try:
            await self._register(record, copy_records(copies, prepared.tracks if reason is None else ()), time)
        except Exception as error:  # a broken ledger must never stop mail, however it breaks
            await self._forget(message)
            if self.refuse_without_ledger:
                raise RelayFault(Fault.LEDGER) from error
            log.warning("ledger unavailable, copies go untracked: message=%s %s", header.id, type(error).__name__)
            message = await self._spool(header, prepared.plain, untracked(copies), None)
            reason = Reason.LEDGER_UNAVAILABLE
        failpoint("individual.after-ledger")
        return message, reason

    async def _forget(self, message: SpooledMessage) -> None:
        try:
            await asyncio.to_thread(self.delivery.spool.remove, message)
        except SpoolFault as fault:
            raise as_relay_fault(fault) from fault

    async def _spool(
        self, header: SpoolHeader, plain: bytes, copies: tuple[PlannedCopy, ...], render: Render | None
    ) -> SpooledMessage:
        spool = self.delivery.spool
        try:
            return await asyncio.to_thread(spool.write, header, plain, copies, render)
        except SpoolFault as fault:
            raise as_relay_fault(fault) from fault

    async def _register(self, record: MessageRecord, copies: tuple[CopyRecord, ...], time: LedgerTime) -> None:
        async with time.waiting():
            await self.ledger.register(replace(record, individually=True, copies=copies))

    async def _deliver(self, message: SpooledMessage, session: Conversation, note: str) -> Reply:
        first, outcomes = await self._until_accepted(message, session)
        if first is None:
            return await self._hand_back(message, outcomes)
        failpoint("individual.before-answer")
        rest = asyncio.create_task(self._deliver_rest(message, session, loses_session(outcomes[-1])))
        await asyncio.wait([rest], timeout=GRACE_SECONDS)
        reply = annotated(first, f"{note}; {counted(message)}")
        if session.answer(reply):
            await asyncio.to_thread(self._note_answered, message)
        message.is_waited_for = False
        failpoint("individual.after-answer")
        await rest
        return reply

    async def _until_accepted(
        self, message: SpooledMessage, session: Conversation
    ) -> tuple[Reply | None, list[Outcome]]:
        """Tries copies until the upstream takes one: its reply, and all outcomes so far."""
        outcomes: list[Outcome] = []
        for number in message.copies:
            try:
                outcome = await self.delivery.deliver_one(message, number, session)
            except SpoolFault as fault:
                # Not durable, so not ours: the client keeps it, and at most the copy under way comes twice.
                await self.conclusion.leave_to_client(message, "the disk failed")
                raise as_relay_fault(fault) from fault
            outcomes.append(outcome)
            if isinstance(outcome, Accepted):
                return outcome.reply, outcomes
            if loses_session(outcome):
                break
        return None, outcomes

    async def _hand_back(self, message: SpooledMessage, outcomes: Sequence[Outcome]) -> Reply:
        """Nobody took it: the spool forgets the message, and the client hears why."""
        await self.conclusion.leave_to_client(message, "not sent: the copies before it were refused")
        return reply_for(outcomes)

    async def _deliver_rest(self, message: SpooledMessage, session: Conversation, lost: bool) -> None:
        """The other copies over the same session: as many as the grace lets, or all when only it may send them."""
        try:
            if self._needs_session(message):
                await self._finish_in_session(message, session, lost)
            elif not lost:
                await self._use_grace(message, session)
        except SpoolFault as fault:
            log.error("the spool cannot be written: errno=%s message=%s", fault.errno, message.header.id)
        except Exception as error:  # the message is ours and its client answered; the runner takes it up
            log.error("the other copies failed: message=%s %s", message.header.id, type(error).__name__)

    async def _use_grace(self, message: SpooledMessage, session: Conversation) -> None:
        now = asyncio.get_running_loop().time
        end = now() + GRACE_SECONDS
        due = message.standing.due(self.clock())
        await self.delivery.deliver(message, takewhile(lambda _: now() < end, due), session)

    async def _finish_in_session(self, message: SpooledMessage, session: Conversation, lost: bool) -> None:
        """Two rounds, since some refusals pass within seconds; then what is left is reported, by the same session."""
        for _ in range(2):
            waiting = message.standing.with_state(CopyState.WAITING)
            if waiting and not lost:
                outcomes = await self.delivery.deliver(message, waiting, session)
                lost = session_lost(outcomes)
        await self.conclusion.give_up(message)
        await self.conclusion.report(message)  # the runner finishes it, once the client is answered
        if not lost:
            await self.deliver_waiting(message.header.login, session)

    def waits_for(self, login: str) -> bool:
        """Whether reports wait that only this login's sessions may deliver."""
        return bool(self._waiting_for(login))

    async def deliver_waiting(self, login: str, session: Conversation) -> None:
        """Deliver reports that found no session in their time.

        ``session`` must be that login's: nobody's mail goes over another's session. Never raises because of it.
        """
        for message in self._waiting_for(login):
            message.claimed = True
            try:
                outcomes = await self._deliver_report(message, session)
            except SpoolFault as fault:
                log.error("the spool failed: errno=%s message=%s", fault.errno, message.header.id)
                return
            finally:
                message.claimed = False
                self.wake_runner()
            if session_lost(outcomes):
                return

    async def _deliver_report(self, message: SpooledMessage, session: Conversation) -> dict[int, Outcome]:
        try:
            return await self.delivery.deliver(message, message.standing.due(self.clock()), session)
        except SpoolUnreadable as fault:  # it may come back, as with a disk that was away; else its time ends
            log.error("a spooled message cannot be read: errno=%s message=%s", fault.errno, message.header.id)
            await self.delivery.put_off(message, UNREADABLE_WORDS)
            return {}

    def _waiting_for(self, login: str) -> list[SpooledMessage]:
        now, key = self.clock(), (self.upstream, login, Credentials.CLIENT)
        return [
            message
            for message in self.delivery.spool.present()
            if login  # a name that could not be read tells nobody from anybody
            and (message.header.upstream, message.header.login, message.header.credentials) == key
            and message.header.notification
            and not message.claimed
            and message.standing.due(now)
        ]

    @staticmethod
    def _needs_session(message: SpooledMessage) -> bool:
        return message.header.credentials is Credentials.CLIENT

    def _note_answered(self, message: SpooledMessage) -> None:
        try:
            self.delivery.spool.record(message, Event(EventKind.ANSWERED, self.clock()))
        except SpoolFault:
            pass  # at worst an identical message of this client is taken for this one, for a day

    def _earlier_reply(self, digest: str) -> Reply | None:
        """The 250 that this very message was given, or would have been, before its client or we were gone."""
        spool = self.delivery.spool
        waiting = spool.find_unanswered(digest, self.clock())
        if waiting is not None:
            self._note_answered(waiting)
            spool.unheard.take(digest, self.clock())  # in case it was just put there
            header, words = waiting.header, counted(waiting)
        else:
            done = spool.unheard.take(digest, self.clock())
            if done is None:
                return None
            header, words = done, "all copies settled"
        log.info("identical message not sent again: message=%s", header.id)
        return compose(250, "2.0.0", f"Ok: accepted before [mailglass {header.id}: {words}]")


def planned(envelope: Envelope, prepared: PreparedCopies) -> tuple[PlannedCopy, ...]:
    recipients = [
        Recipient(one.rcpt, one.address, is_rewritten)
        for one, is_rewritten in zip(envelope.addressees, prepared.rewritten, strict=True)
    ]
    return plan_copies(recipients, tracked=True)


def untracked(copies: Sequence[PlannedCopy]) -> tuple[PlannedCopy, ...]:
    return tuple(replace(copy, tracked=False) for copy in copies)


def reply_for(outcomes: Sequence[Outcome]) -> Reply:
    """What the client hears when nobody took the message: a temporary refusal if there is one, since then trying
    again may help. Raises RelayFault when the session was lost instead."""
    last = outcomes[-1]
    if isinstance(last, Doubtful):
        raise RelayFault(Fault.IN_DOUBT)
    if isinstance(last, NotSent):
        raise last.fault
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    temporary = [refusal.reply for refusal in refusals if not refusal.for_good]
    return temporary[0] if temporary else refusals[0].reply


def counted(message: SpooledMessage) -> str:
    """ "2 of 3 copies sent, 1 waiting": what is known when the client is answered."""
    standing, total = message.standing, len(message.copies)
    words = [f"{len(standing.with_state(CopyState.DELIVERED))} of {total} copies sent"]
    waiting = len(standing.with_state(CopyState.WAITING, CopyState.UNDER_WAY, CopyState.IN_DOUBT))
    refused = len(standing.with_state(CopyState.REFUSED, CopyState.EXPIRED))
    if waiting:
        words.append(f"{waiting} waiting")
    if refused:
        words.append(f"{refused} refused")
    return ", ".join(words)


def digest_of(envelope: Envelope, raw: bytes) -> str:
    """Tells one submission from another: who sends, to whom, and every octet of it."""
    digest = hashlib.sha256(repr((envelope.login, envelope.mail, [one.rcpt for one in envelope.addressees])).encode())
    digest.update(raw)
    return digest.hexdigest()


def as_relay_fault(fault: SpoolFault) -> RelayFault:
    """452 when there is no room, else 451."""
    return RelayFault(Fault.DISK if isinstance(fault, SpoolFull) else Fault.INTERNAL, f"spool: errno {fault.errno}")
