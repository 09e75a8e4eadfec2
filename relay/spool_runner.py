"""The background task of the spool: retries what is due, reports what failed, forgets what is done.

One session per upstream at a time, used for as many copies as the upstream likes. Copies that only their client's
own login may send are not tried here: they are settled by a report, and the report waits for the client.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import takewhile

from relay.copy_delivery import UNREADABLE_WORDS, CopyDelivery, loses_session, session_lost
from relay.delivery import Accepted, Outcome, Refused
from relay.destination import Credentials as Account
from relay.failpoints import failpoint
from relay.ports import Conversation
from relay.replies import UpstreamFault, UpstreamRefusal
from relay.spool_conclusion import STOPPED_WORDS, Conclusion
from relay.spool_files import SpoolFault, SpoolUnreadable
from relay.spool_records import Credentials
from relay.spool_requests import take_requests
from relay.spool_start import Found, load_spool
from relay.spool_states import Event, EventKind
from relay.spooled_message import SpooledMessage

log = logging.getLogger("mailglass.spool")

# How soon an administrator's request is seen, and how finely retries are timed.
LOOK_SECONDS = 2.0
# With so many upstreams, or kept logins, at a time.
MOST_SESSIONS = 8

# The upstream's name in the settings, and whom to log in as when that is not the relay's own affair.
SessionKey = tuple[str, Account | None]
OpenSession = Callable[[SessionKey], AbstractAsyncContextManager[Conversation]]


@dataclass(slots=True)
class SpoolRunner:
    """``open_session`` opens one with an upstream; entering it raises UpstreamFault or UpstreamRefusal."""

    delivery: CopyDelivery
    conclusion: Conclusion
    open_session: OpenSession
    look_seconds: float = LOOK_SECONDS
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _is_stopping: bool = False
    _deliveries: dict[SessionKey, asyncio.Task[None]] = field(default_factory=dict)

    async def start(self) -> Found:
        """Load what an earlier process left. Call once, before anything is delivered. Raises SpoolFault."""
        found = await asyncio.to_thread(load_spool, self.delivery.spool, self.delivery.hold_doubtful)
        for message in found.waiting:
            if not message.header.notification:  # of those the ledger knows nothing
                message.unsettled.update(message.copies)
        for message in found.unaccepted:
            await self.conclusion.leave_to_client(message, STOPPED_WORDS)
            log.warning("message left to its client, who never heard 250: message=%s", message.header.id)
        log.info("spool opened: waiting=%d set_aside=%d", len(found.waiting), len(found.set_aside))
        return found

    async def run(self) -> None:
        """Until ``stop``. When the disk fails, that is logged and the work taken up again later."""
        try:
            while not self._is_stopping:
                self._woken.clear()
                await _survived(self._round())
                try:
                    async with asyncio.timeout(self.look_seconds):
                        await self._woken.wait()
                except TimeoutError:
                    pass
            await asyncio.gather(*self._deliveries.values())
            await self._conclude()  # what is done goes now: there may be a password in it
        finally:
            tasks = [*self._deliveries.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _round(self) -> None:
        await self._prepare()
        await self._conclude()
        self._begin_deliveries()

    def stop(self) -> None:
        """End after the copies that are under way, so that they do not come to be in doubt."""
        self._is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Something new is there."""
        self._woken.set()

    async def run_once(self) -> None:
        """Everything that is due now, to its end."""
        await self._prepare()
        self._begin_deliveries()
        await asyncio.gather(*self._deliveries.values())
        await self._conclude()

    async def _prepare(self) -> None:
        await _survived(self._fulfil_requests())
        for message in self._unclaimed():
            await self._tend(message, self.conclusion.give_up)

    def _begin_deliveries(self) -> None:
        """Deliver what is due, where nothing is being delivered yet: an upstream that is slow keeps neither the others
        waiting nor an administrator."""
        for key in dict.fromkeys(map(session_key, self._due())):
            if key not in self._deliveries and len(self._deliveries) < MOST_SESSIONS:
                self._deliveries[key] = asyncio.create_task(self._serve(key))

    async def _serve(self, key: SessionKey) -> None:
        try:
            await _survived(self._deliver_due(key))
        finally:
            del self._deliveries[key]

    async def _conclude(self) -> None:
        await _survived(asyncio.to_thread(self.delivery.spool.unheard.forget_old, self.delivery.clock()))
        for message in self._unclaimed():
            await self._tend(message, self.conclusion.report)
            await self._tend(message, self.conclusion.finish)

    async def _tend(self, message: SpooledMessage, act: Callable[[SpooledMessage], Awaitable[None]]) -> None:
        """Do something about a message that nobody is delivering meanwhile."""
        if message.claimed:
            return
        message.claimed = True
        try:
            await _survived(act(message))
        finally:
            message.claimed = False

    async def _fulfil_requests(self) -> None:
        for request in await asyncio.to_thread(take_requests, self.delivery.spool.folder):
            await self.conclusion.fulfil(request)

    def _unclaimed(self) -> list[SpooledMessage]:
        """What is ours to deliver and nobody is delivering: until its first copy is accepted, it is the client's."""
        return [one for one in self.delivery.spool.present() if one.standing.ours and not one.claimed]

    def _due(self) -> list[SpooledMessage]:
        now = self.delivery.clock()
        return [
            message
            for message in self._unclaimed()
            if message.header.credentials is not Credentials.CLIENT and message.standing.due(now)
        ]

    async def _deliver_due(self, key: SessionKey) -> None:
        """Sessions one after the other while each of them is lost after it got something delivered."""
        again = True
        while again and not self._is_stopping and (messages := [one for one in self._due() if session_key(one) == key]):
            failpoint("runner.before-session")
            again = False
            try:
                async with self.open_session(key) as session:
                    again = await self._deliver_over(session, messages)
            except UpstreamRefusal as refusal:
                await self._put_off(messages, refusal.reply.text)
            except UpstreamFault as fault:
                await self._put_off(messages, f"the mail server could not be reached ({fault.fault})")

    async def _deliver_over(self, session: Conversation, messages: list[SpooledMessage]) -> bool:
        """Whether the session was lost after it had got something delivered: then another one is worth it."""
        delivered = False
        for message in messages:
            if message.claimed:  # somebody else has taken it up; if it is still due then, the next round has it
                continue
            outcomes = await self._deliver_message(session, message)
            delivered = delivered or any(isinstance(outcome, Accepted) for outcome in outcomes.values())
            if session_lost(outcomes):
                if delivered:
                    await self._release(message, outcomes)
                return delivered
        return False

    async def _deliver_message(self, session: Conversation, message: SpooledMessage) -> dict[int, Outcome]:
        """The outcomes; none when the disk failed for this message, which must not keep the others."""
        message.claimed = True
        try:
            due = message.standing.due(self.delivery.clock())
            return await self.delivery.deliver(message, takewhile(self._goes_on, due), session)
        except SpoolUnreadable as fault:  # it may come back, as with a disk that was away; else its time ends
            log.error("a spooled message cannot be read: errno=%s message=%s", fault.errno, message.header.id)
            await _survived(self.delivery.put_off(message, UNREADABLE_WORDS))
            return {}
        except SpoolFault as fault:
            log.error("the spool failed: errno=%s message=%s", fault.errno, message.header.id)
            return {}
        finally:
            message.claimed = False

    def _goes_on(self, _number: int) -> bool:
        return not self._is_stopping

    async def _release(self, message: SpooledMessage, outcomes: dict[int, Outcome]) -> None:
        """A copy that met a 421 was one too many for its session, not unwelcome: the next session may have it."""
        too_many = [number for number, outcome in outcomes.items() if isinstance(outcome, Refused)][-1:]
        now = self.delivery.clock()
        events = [Event(EventKind.RELEASED, now, number) for number in too_many if loses_session(outcomes[number])]
        await asyncio.to_thread(self.delivery.spool.record, message, *events)

    async def _put_off(self, messages: list[SpooledMessage], why: str) -> None:
        for message in messages:
            await self._tend(message, lambda one: self.delivery.put_off(one, why))


async def _survived(work: Awaitable[None]) -> None:
    """Let a failing disk, or a bug that one message meets, keep neither the others nor the task from going on."""
    try:
        await work
    except SpoolFault as fault:
        log.error("the spool cannot be written: errno=%s", fault.errno)
    except Exception as error:
        log.error("the spool's work failed: %s", type(error).__name__)


def session_key(message: SpooledMessage) -> SessionKey:
    """Which session may deliver a message: nobody's copies go over a session that somebody else logged in to."""
    header = message.header
    kept = header.credentials is Credentials.KEPT
    return header.upstream, Account(header.login, header.password) if kept else None
