"""The spool's parts joined to one scripted upstream, with real files, real sockets and a clock set by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ledger.message_id import MessageId
from ledger.records import MessageRecord, State
from relay.command_lines import path_of
from relay.copies_on_record import CopiesOnRecord
from relay.copy_delivery import CopyDelivery
from relay.destination import Destination
from relay.individual import IndividualDelivery
from relay.ledger_time import LedgerTime
from relay.ports import Addressee, Conversation, Envelope
from relay.prepared_copies import PreparedCopies, Tracks
from relay.replies import Reply
from relay.retry import RetrySchedule
from relay.spool import Spool
from relay.spool_conclusion import Conclusion
from relay.spool_notices import Notices
from relay.spool_runner import SessionKey, SpoolRunner
from relay.spool_session import spool_session
from tests.spool.messages import AT, ID, PLAIN, rendered
from tests.spool.scripted_upstream import ScriptedUpstream, accepts, at_dot

RECIPIENTS = ("r1@example.net", "r2@example.net", "r3@example.net")


@dataclass
class Clock:
    now: datetime = AT

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, span: timedelta) -> None:
        self.now += span


@dataclass
class Book:
    """A ledger in memory: what it was told last. ``is_gone``: it cannot be had."""

    records: dict[str, MessageRecord] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    replies: dict[int, str] = field(default_factory=dict)
    is_gone: bool = False

    async def register(self, record: MessageRecord) -> None:
        if self.is_gone:
            raise OSError("the ledger is gone")
        self.records[str(record.id)] = record

    async def settle(
        self, message: MessageId, state: State, reply: str, accepted_at: datetime | None, copy: int
    ) -> None:
        if self.is_gone:
            raise OSError("the ledger is gone")
        self.states[copy] = state
        self.replies[copy] = reply


@dataclass
class Workbench:
    upstream: ScriptedUpstream
    spool: Spool
    clock: Clock
    book: Book
    runner: SpoolRunner
    individual: IndividualDelivery
    answers: list[Reply] = field(default_factory=list)
    untracked: frozenset[str] = frozenset()

    @asynccontextmanager
    async def client_session(self) -> AsyncIterator[Conversation]:
        """An upstream session that belongs to a client, who is there to be answered."""
        async with self.runner.open_session(("default", None)) as session:
            session.answer = lambda reply: self.answers.append(reply) or True  # type: ignore[method-assign,func-returns-value]
            yield session

    async def submit(
        self,
        session: Conversation,
        recipients: Sequence[str] = RECIPIENTS,
        login: str = "",
        message_id: MessageId = ID,
        mail: bytes = b"MAIL FROM:<ann@example.org>",
        rcpt_parameters: bytes = b"",
        raw: bytes = PLAIN,
        time: LedgerTime | None = None,
        is_logged_in: bool = False,
    ) -> Reply:
        """``is_logged_in``: though nobody knows by which name."""
        session.is_logged_in = is_logged_in or bool(login)
        prepared = PreparedCopies(
            message_id,
            PLAIN,
            rendered,
            tuple(Tracks(address not in self.untracked, address not in self.untracked) for address in recipients),
            tuple(address not in self.untracked for address in recipients),
            MessageRecord(message_id, AT, "ann@example.org", tuple(recipients), header_id="<plans@example.org>"),
            f"mailglass {message_id}: opens, 1 of 1 links",
        )
        submitted = envelope(recipients, login, mail, rcpt_parameters)
        try:
            return await self.individual.submit(submitted, raw, prepared, session, time or LedgerTime())
        finally:
            await self.runner.delivery.on_record.all_told()

    async def submit_with_one_taken_at_once(self, number: int) -> list[str]:
        """A message to so many: the first gets their copy, the upstream takes the others' at the second try."""
        recipients = [f"r{one}@example.net" for one in range(1, number + 1)]
        self.upstream.script = {address: [at_dot("451 4.3.0 later"), accepts()] for address in recipients[1:]}
        async with self.client_session() as session:
            await self.submit(session, recipients)
        return recipients

    def folder(self) -> list[str]:
        return sorted(path.name for path in self.spool.folder.iterdir() if path.name != "lock")

    async def later(self, span: timedelta) -> None:
        self.clock.pass_by(span)
        await self.runner.run_once()


def envelope(recipients: Sequence[str], login: str, mail: bytes, rcpt_parameters: bytes) -> Envelope:
    addressees = tuple(
        Addressee(b"RCPT TO:<%s>%s" % (address.encode(), rcpt_parameters), address) for address in recipients
    )
    return Envelope(mail, path_of(mail).address, addressees, login, "listener", "")


def workbench(
    folder: Path, upstream: ScriptedUpstream, *, has_account: bool = False, hold_doubtful: bool = False
) -> Workbench:
    spool, clock, book = Spool(folder), Clock(), Book()
    schedule = RetrySchedule(timedelta(minutes=5), timedelta(days=2))
    delivery = CopyDelivery(spool, CopiesOnRecord(book, rest_seconds=0), schedule, clock, hold_doubtful)
    conclusion = Conclusion(delivery, Notices(spool, clock, "relay.example.org", lambda name: "mx.example.net"))

    def open_session(key: SessionKey):  # type: ignore[no-untyped-def]
        destination = Destination("127.0.0.1", upstream.port, "none", None, 5, 5, key[1])
        return spool_session(destination, "relay.example.org", 5)

    runner = SpoolRunner(delivery, conclusion, open_session, look_seconds=0.05)
    individual = IndividualDelivery("default", has_account, delivery, conclusion, book, clock, runner.wake)
    return Workbench(upstream, spool, clock, book, runner, individual)
