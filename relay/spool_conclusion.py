"""How a spooled message comes to its end: copies given up, the sender told, the ledger told, the files removed.

Also fulfils what an administrator asks. Sends nothing itself. Raises SpoolFault where the disk fails; then the work
is taken up again in the next round.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime

from relay.copy_delivery import IN_DOUBT_WORDS, CopyDelivery
from relay.deliver_by import TOO_LATE_WORDS, comes_back_after
from relay.spool_files import SpoolFault
from relay.spool_notices import Notices, unreported, untold_of_delay
from relay.spool_records import Credentials
from relay.spool_requests import Request, Wish
from relay.spool_states import CopyState, Event, EventKind, after
from relay.spooled_message import SpooledMessage

log = logging.getLogger("mailglass.spool")

NO_LOGIN_WORDS = "not sent: the client's session has ended, and its login is not kept"
DROPPED_WORDS = "dropped by an administrator"
STOPPED_WORDS = "mailglass stopped before any copy was accepted; the client was told nothing"


@dataclass(frozen=True, slots=True)
class Conclusion:
    delivery: CopyDelivery
    notices: Notices

    async def give_up(self, message: SpooledMessage) -> None:
        """End the copies that nobody but a client long gone could send, and those too old that no try will end."""
        header, now = message.header, self.delivery.clock()
        standing = message.standing
        if now >= self.delivery.schedule_for(message).expires_at(header.spooled_at):
            untried = header.credentials is Credentials.CLIENT  # only a session that may never come could try it
            numbers = standing.with_state(CopyState.IN_DOUBT, *([CopyState.WAITING] if untried else []))
            limit = comes_back_after(header.mail)
            words = NO_LOGIN_WORDS if limit is None or now < header.spooled_at + limit else TOO_LATE_WORDS
            events = [
                Event(EventKind.EXPIRED, now, number, standing.copies[number].reply or words) for number in numbers
            ]
        elif header.credentials is Credentials.CLIENT and not header.notification:
            numbers = standing.with_state(CopyState.WAITING)
            events = [
                Event(EventKind.EXPIRED, now, number, standing.copies[number].reply or NO_LOGIN_WORDS)
                for number in numbers
            ]
        else:
            return
        await self._note(message, events)

    async def report(self, message: SpooledMessage) -> None:
        """Spool a notification about what failed for good, or waits for long, and is not reported yet."""
        if unreported(message):
            await asyncio.to_thread(self.notices.report, message)
        schedule = self.delivery.schedule_for(message)
        if schedule.is_late(message.header.spooled_at, self.delivery.clock()) and untold_of_delay(message):
            await asyncio.to_thread(self.notices.report_delay, message, schedule)

    async def finish(self, message: SpooledMessage) -> None:
        """Forget the message when nothing of it waits any more and the ledger knows all."""
        await self.delivery.on_record.told(message)
        if not message.standing.is_final or unreported(message):
            return
        if message.header.notification and not message.standing.with_state(CopyState.DELIVERED):
            log.warning("status notification not delivered: message=%s", message.header.id)
        if not message.unsettled:
            await asyncio.to_thread(self.delivery.spool.remove, message)
            log.info("spooled message done: message=%s copies=%d", message.header.id, len(message.copies))

    async def leave_to_client(self, message: SpooledMessage, words: str) -> None:
        """Forget a message that nobody heard 250 for: its client has it, and will send it again or not.

        A copy that was accepted, under way, or in doubt stays so on record; the others are refused, for their last
        reply or else for ``words``. Never raises: what is left on the disk is removed at the next start.
        """
        now = self.delivery.clock()
        message.standing = replace(message.standing, ours=False)
        for number, copy in sorted(message.standing.copies.items()):
            if copy.state is CopyState.DELIVERED:  # but that could not be made durable
                continue
            in_doubt = copy.state is CopyState.UNDER_WAY or copy.reply == IN_DOUBT_WORDS
            kind = EventKind.IN_DOUBT if in_doubt else EventKind.REFUSED
            message.standing = after(message.standing, Event(kind, now, number, copy.reply or words))
        self.delivery.on_record.note(message, *message.copies)
        try:
            await asyncio.to_thread(self.delivery.spool.remove, message)
        except SpoolFault as fault:
            log.error("the spool cannot be written: errno=%s message=%s", fault.errno, message.header.id)

    async def fulfil(self, request: Request) -> None:
        """Try again now, or drop, one waiting copy or all of them; a request that fits nothing changes nothing."""
        message = self.delivery.spool.messages.get(str(request.message))
        if message is None or not message.standing.ours:  # until its first copy is accepted it is the client's
            return
        events = events_for(message, request, self.delivery.clock())
        await self._note(message, events)
        log.info("spool %s: message=%s copies=%d", request.wish, request.message, len(events))

    async def _note(self, message: SpooledMessage, events: list[Event]) -> None:
        if not events:
            return
        try:
            await asyncio.to_thread(self.delivery.spool.record, message, *events)
        finally:  # it has happened, also where the journal could not be written
            self.delivery.on_record.note(message, *(event.number for event in events))


def events_for(message: SpooledMessage, request: Request, now: datetime) -> list[Event]:
    """What a request means for the copies that wait, or that are held in doubt."""
    numbers = message.standing.with_state(CopyState.WAITING, CopyState.IN_DOUBT)
    kind = EventKind.RELEASED if request.wish is Wish.RETRY else EventKind.DROPPED
    words = "" if request.wish is Wish.RETRY else DROPPED_WORDS
    return [Event(kind, now, number, words) for number in numbers if request.number in (0, number)]
