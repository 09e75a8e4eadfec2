"""Delivers the due copies of one spooled message over one upstream session, and makes each outcome durable.

Decides what an outcome means for a copy: settled, or waiting until when. Every outcome is in the journal, fsynced,
before the next copy begins; so a process that dies repeats at most the copy that was under way. The ledger hears of
it too (relay/copies_on_record.py).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from relay.copies_on_record import CopiesOnRecord
from relay.deliver_by import TOO_LATE, TOO_LATE_WORDS, comes_back_after, shortened
from relay.delivery import Accepted, Doubtful, NotSent, Outcome, Refused, deliver_copy
from relay.envelope_parameters import Lines, fitted
from relay.ports import Conversation
from relay.replies import Fault, Reply, UpstreamFault
from relay.retry import RetrySchedule
from relay.spool import Spool
from relay.spool_files import SpoolFault, SpoolUnreadable, as_spool_fault
from relay.spool_states import CopyState, Event, EventKind, after
from relay.spooled_message import SpooledMessage

log = logging.getLogger("mailglass.spool")

IN_DOUBT_WORDS = "outcome unknown: the connection was lost while the copy was being sent"
NOT_SENT_WORDS = "the connection was lost before the copy was sent"
UNREADABLE_WORDS = "its file in the spool cannot be read"


@dataclass(frozen=True, slots=True)
class CopyDelivery:
    """``hold_doubtful``: copies in doubt wait for somebody to decide instead of being sent again."""

    spool: Spool
    on_record: CopiesOnRecord
    schedule: RetrySchedule
    clock: Callable[[], datetime]
    hold_doubtful: bool = False

    async def deliver(
        self, message: SpooledMessage, numbers: Iterable[int], session: Conversation
    ) -> dict[int, Outcome]:
        """Try these copies in order, as many as the session lasts for; the outcomes by number, in that order.

        Raises SpoolFault when an outcome could not be made durable; the standing in memory is right all the same.
        """
        outcomes: dict[int, Outcome] = {}
        for number in numbers:
            if message.standing.copies[number].state is not CopyState.WAITING:  # dropped meanwhile
                continue
            outcomes[number] = await self.deliver_one(message, number, session)
            if loses_session(outcomes[number]):
                break
        return outcomes

    async def deliver_one(self, message: SpooledMessage, number: int, session: Conversation) -> Outcome:
        """Try one copy. Raises SpoolFault as ``deliver`` does, and SpoolUnreadable when there is nothing to send."""
        copy = message.copies[number]
        content = await asyncio.to_thread(self._content, message, number)
        try:
            await self._note(message, Event(EventKind.UNDER_WAY, self.clock(), number), sync=self.hold_doubtful)
        except SpoolFault:  # nothing was sent: it waits as before
            message.standing = after(message.standing, Event(EventKind.RELEASED, self.clock(), number))
            raise
        try:
            outcome = await self._send(session, message, copy.planned.rcpt, content)
        except Exception as error:  # a bug of ours in the middle of it: nobody knows how far it came
            log.error("delivery failed: message=%s copy=%d %s", message.header.id, number, type(error).__name__)
            outcome = Doubtful(UpstreamFault(Fault.INTERNAL, type(error).__name__))
        try:
            await self._note(message, *self._events(message, number, outcome))
        finally:  # the standing is right also where the journal could not be written, and the ledger may know it
            self.on_record.note(message, number)
        return outcome

    async def _send(self, session: Conversation, message: SpooledMessage, rcpt: bytes, content: bytes) -> Outcome:
        mail = shortened(message.header.mail, self.clock() - message.header.spooled_at)
        if mail is None:
            return Refused(TOO_LATE)
        lines = Lines(mail, rcpt)
        if session.offered is not None:
            fit = fitted(lines, content, session.offered)
            if isinstance(fit, Reply):
                return Refused(fit)
            lines = fit
        return await deliver_copy(session, lines.mail, lines.rcpt, content)

    def _content(self, message: SpooledMessage, number: int) -> bytes:
        try:
            return b"".join(self.spool.content(message, number))
        except (OSError, ValueError) as error:
            fault = as_spool_fault(error)
            raise SpoolUnreadable(fault.errno, fault.strerror) from error

    async def _note(self, message: SpooledMessage, *events: Event, sync: bool = True) -> None:
        await asyncio.to_thread(self.spool.record, message, *events, sync=sync)

    def _events(self, message: SpooledMessage, number: int, outcome: Outcome) -> list[Event]:
        now = self.clock()
        match outcome:
            case Accepted(reply):
                accepted = Event(EventKind.DELIVERED, now, number, reply.text)
                # One write for both: a message is ours from the instant the upstream has its first copy.
                return [accepted] if message.standing.ours else [Event(EventKind.OURS, now), accepted]
            case Refused(reply) if reply is TOO_LATE:
                words = message.standing.copies[number].reply or TOO_LATE_WORDS
                return [Event(EventKind.EXPIRED, now, number, words)]
            case Refused(reply) if outcome.for_good:
                return [Event(EventKind.REFUSED, now, number, reply.text)]
            case Refused(reply):
                return [self._deferred(message, number, now, reply.text)]
            case NotSent():
                return [self._deferred(message, number, now, NOT_SENT_WORDS)]
            case Doubtful():
                if self.hold_doubtful:
                    return [Event(EventKind.IN_DOUBT, now, number, IN_DOUBT_WORDS)]
                return [self._deferred(message, number, now, IN_DOUBT_WORDS)]
            case _ as never:
                assert_never(never)

    def schedule_for(self, message: SpooledMessage) -> RetrySchedule:
        """No longer than the client lets its message wait."""
        limit = comes_back_after(message.header.mail)
        return self.schedule if limit is None else replace(self.schedule, expiry=min(limit, self.schedule.expiry))

    async def put_off(self, message: SpooledMessage, why: str) -> None:
        """No session could be had, or nothing to send: every due copy counts that as a try. Raises SpoolFault."""
        now, events = self.clock(), []
        for number in message.standing.due(now):
            tries = message.standing.copies[number].tries + 1
            events.append(replace(self._deferred(message, number, now, why, tries), tries=tries))
        try:
            await self._note(message, *events)
        finally:
            self.on_record.note(message, *(event.number for event in events))

    def _deferred(
        self, message: SpooledMessage, number: int, now: datetime, reply: str, tries: int | None = None
    ) -> Event:
        if tries is None:
            tries = message.standing.copies[number].tries
        chance = random.random()  # noqa: S311 - spreads retries; no secret
        next_try = self.schedule_for(message).next_try(message.header.spooled_at, now, tries, chance)
        if next_try is None:
            return Event(EventKind.EXPIRED, now, number, reply)
        return Event(EventKind.DEFERRED, now, number, reply, next_try)


def loses_session(outcome: Outcome) -> bool:
    """Whether the session is gone after this outcome."""
    match outcome:
        case Accepted():
            return False
        case Refused():
            return outcome.ends_session
        case NotSent() | Doubtful():
            return True
        case _ as never:
            assert_never(never)


def session_lost(outcomes: dict[int, Outcome]) -> bool:
    """Whether the session is gone after these outcomes, of which only the last can have lost it."""
    return any(map(loses_session, outcomes.values()))
