"""What can be done about a person: ask where they stand, add what they said, withdraw, export, erase.

Joins the pure rules (consent_events.py) with the writer and the questions; every deed leaves a line in the audit log
in the same transaction. The site's key, with which addresses become person keys, lies beside the signing keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from config.settings import Settings
from ledger.access import Ledger
from ledger.changes import change, change_of_messages
from ledger.consent_events import NOES, Action, ConsentEvent, ConsentPurpose, Standing, may_ask, may_track, standing
from ledger.consent_texts import CONSENT_WORDS, text_shown, text_version
from ledger.consent_writing import add_audit, add_events, add_request, answer_request, remember_text
from ledger.erasure import Erased, erase_person, silence_copies
from ledger.keys import load_people_key
from ledger.message_id import MessageId
from ledger.outbox import Outbox
from ledger.people import erased_name, normalise, person_key, spellings, without
from ledger.queries.consents import any_event_of, events_of
from ledger.scrubbing import find_naming, scrub
from ledger.sender_erasure import erase_sender
from ledger.shared_questions import SharedQuestions
from ledger.traces import shed_traces

ALL_PURPOSES = tuple(ConsentPurpose)
IMPORTED = "import"  # the method of events that came from a list
SCRUBBED_AT_ONCE = 200  # rows of one transaction: hits that come meanwhile wait for it


@dataclass(frozen=True, slots=True)
class Gate:
    """Which purposes are open for one recipient."""

    opens: bool
    links: bool


class TooSoon(Exception):
    """The person may not be asked (again) yet."""


class Consents:
    """``required``: only recipients who confirmed are tracked; otherwise all but those who said no."""

    def __init__(
        self,
        ledger: Ledger,
        site_key: bytes,
        required: bool,
        valid_for: timedelta,
        pause: timedelta = timedelta(days=182),
    ) -> None:
        self._ledger = ledger
        self._site_key = site_key
        self._required = required
        self._valid_for = valid_for
        self._pause = pause
        self._events = SharedQuestions(self._look_up)

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    def key_of(self, address: str) -> bytes:
        return person_key(self._site_key, address)

    async def gates(self, recipients: Sequence[str], sender: str) -> Mapping[str, Gate]:
        """For each recipient what may be tracked in mail of this sender. Raises LedgerUnavailable: then nothing may."""
        keys = {recipient: self.key_of(recipient) for recipient in recipients}
        events = await self._events.ask(set(keys.values()))
        now = self._ledger.clock()
        senders = frozenset({normalise(sender), sender.lower(), erased_name(self.key_of(sender))})
        return {
            recipient: Gate(*(self._open(events[key], purpose, senders, now) for purpose in ALL_PURPOSES))
            for recipient, key in keys.items()
        }

    async def _look_up(self, keys: Collection[bytes]) -> Mapping[bytes, list[ConsentEvent]]:
        # Where the sender's wish is enough, hardly anybody has ever said anything.
        if await self._ledger.quick_rows(any_event_of(len(keys)), list(keys)) == []:
            return {key: [] for key in keys}
        async with self._ledger.read() as connection:
            return await events_of(connection, keys)

    def _open(
        self, events: list[ConsentEvent], purpose: ConsentPurpose, senders: Collection[str], now: datetime
    ) -> bool:
        return may_track(standing(events, purpose, senders, now, self._valid_for), self._required)

    async def add(
        self,
        address: str,
        purposes: Iterable[ConsentPurpose],
        evidence: str,
        actor: str,
        method: str = "command",
        sender: str = "",
    ) -> None:
        """A consent given outside, with what proves it; usable at once. Raises ValueError without evidence. The
        person's address is taken out of it: evidence has to outlive an erasure. A no to one sender stays, unless this
        is about mail of that ``sender``."""
        if not evidence.strip():
            raise ValueError("a consent needs evidence: where and when it was given, and where the proof lies")
        evidence = without(evidence, spellings(address))
        events = [
            ConsentEvent(self._ledger.clock(), Action.IMPORT, purpose, normalise(sender), method,
                         evidence={"reference": evidence}, actor=actor)
            for purpose in purposes
        ]  # fmt: skip
        await self._ledger.write(add_said, self.key_of(address), normalise(address), events, actor, "consent-add")

    async def has_said_no(self, address: str, purposes: Iterable[ConsentPurpose]) -> bool:
        """Whether the person refused, withdrew or was erased since they last agreed, to one of these: a list from
        before does not undo that."""
        return bool(await self.noes(address, purposes))

    async def has_imported(self, address: str, purposes: Iterable[ConsentPurpose], evidence: str) -> bool:
        """Whether a list that was imported before said just this. Said again it would make the consent last longer."""
        key, reference = self.key_of(address), without(evidence, spellings(address))
        async with self._ledger.read() as connection:
            events = (await events_of(connection, [key]))[key]
        same = [one for one in events if one.method == IMPORTED and one.evidence.get("reference", "") == reference]
        return {one.purpose for one in same}.issuperset(purposes)

    async def noes(self, address: str, purposes: Iterable[ConsentPurpose]) -> list[str]:
        """To which senders a person's no to one of these holds; "" is all of them."""
        key, wanted, now = self.key_of(address), list(purposes), self._ledger.clock()
        async with self._ledger.read() as connection:
            events = (await events_of(connection, [key]))[key]
        no = (*NOES, Standing.RESTRICTED)
        senders = sorted({"", *(event.sender for event in events)})  # a no on a message's page is to its sender
        return [
            sender
            for sender in senders
            if any(standing(events, one, (sender,), now, self._valid_for) in no for one in wanted)
        ]

    async def add_unproven(self, address: str, purposes: Iterable[ConsentPurpose], actor: str) -> None:
        """A row of an import without evidence: kept as asked, which opens nothing."""
        now = self._ledger.clock()
        events = [ConsentEvent(now, Action.ASK, purpose, method=IMPORTED, actor=actor) for purpose in purposes]
        await self._ledger.write(add_said, self.key_of(address), normalise(address), events, actor, "consent-import")

    async def ask(self, address: str, sender: str, language: str, kept: str, request: MessageId, actor: str) -> None:
        """Notes that a request is being sent under that id. Raises TooSoon when the person was asked, or said no, not
        long ago, or was erased."""
        key, now = self.key_of(address), self._ledger.clock()
        async with self._ledger.read() as connection:
            events = (await events_of(connection, [key]))[key]
        if not may_ask(events, now, self._pause):
            raise TooSoon("this person was asked lately, or said no, or was erased: ask again later, or not at all")
        words = CONSENT_WORDS[language]
        await self._ledger.write(
            add_asking, key, normalise(address), request, now, sender.lower(), language,
            text_shown(words, sender, kept), actor,
        )  # fmt: skip

    async def answer(self, request: MessageId, granted: Collection[ConsentPurpose], shown: str, key: bytes,
                     language: str) -> None:  # fmt: skip
        """What somebody chose on the page that only the mail to their address leads to: that makes it confirmed."""
        now = self._ledger.clock()
        evidence = {"request": str(request)}
        events = []
        for purpose in ALL_PURPOSES:
            said = (Action.GRANT, Action.CONFIRM) if purpose in granted else (Action.REFUSE,)
            events += [
                ConsentEvent(
                    now, action, purpose, "", "page", language, text_version(language, shown), evidence, "recipient"
                )
                for action in said
            ]
        await self._ledger.write(add_answer, request, key, now, events, language, shown)

    async def withdraw(
        self,
        address: str,
        purposes: Collection[ConsentPurpose] = ALL_PURPOSES,
        sender: str = "",
        method: str = "command",
        actor: str = "",
        evidence: Mapping[str, object] | None = None,
    ) -> int:
        """Effective at once, for delivered mail too: nothing of these purposes is recorded from here on. How many
        delivered copies fell silent."""
        now = self._ledger.clock()
        purposes_said = [None] if set(purposes) == set(ALL_PURPOSES) else sorted(purposes)
        events = [
            ConsentEvent(now, Action.WITHDRAW, one, normalise(sender), method, evidence=evidence or {}, actor=actor)
            for one in purposes_said
        ]
        return await self._ledger.write(
            add_withdrawal, self.key_of(address), normalise(address), events, tuple(purposes), sender, actor
        )

    async def restrict(self, address: str, restricted: bool, actor: str) -> None:
        """Article 18 GDPR: what is there stays, nothing is added while it lasts."""
        action = Action.RESTRICT if restricted else Action.UNRESTRICT
        events = [ConsentEvent(self._ledger.clock(), action, method="command", actor=actor)]
        if restricted:
            purposes: tuple[ConsentPurpose, ...] = ALL_PURPOSES
            await self._ledger.write(
                add_withdrawal, self.key_of(address), normalise(address), events, purposes, "", actor
            )
        else:
            await self._ledger.write(add_said, self.key_of(address), normalise(address), events, actor, "unrestrict")

    async def erase(self, address: str, actor: str, method: str = "command") -> Erased:
        """Hits, address and identity go, from the database's free pages and its log of changes too; a keyed hash on
        the do-not-track list stays. Copies that still wait to be delivered stay as well: they are mail."""
        now, forms = self._ledger.clock(), spellings(address)
        event = ConsentEvent(now, Action.ERASE, method=method, actor=actor)
        erased = await self._ledger.write(erase_all, self.key_of(address), normalise(address), event, actor, forms)
        async with self._ledger.read() as connection:
            found = await find_naming(connection, forms)
        for table, keys in found.items():
            for start in range(0, len(keys), SCRUBBED_AT_ONCE):
                await self._ledger.write(scrub, table, keys[start : start + SCRUBBED_AT_ONCE], forms, now)
        await asyncio.to_thread(Outbox(self._ledger.settings.outbox_dir).erase, forms)
        await shed_traces(self._ledger.place)
        return erased

    async def note(self, actor: str, action: str, subject: str = "", amount: int = 0) -> None:
        """A line in the audit log alone; ``subject`` never holds an address."""
        await self._ledger.write(add_to_audit, self._ledger.clock(), actor, action, subject, amount)


def consents_for(settings: Settings, ledger: Ledger) -> Consents:
    """The register as the settings want it. Raises KeyFolderFault when the key of people cannot be used."""
    privacy = settings.privacy
    key = load_people_key(settings.keys_dir)
    return Consents(ledger, key, privacy.consent == "required", privacy.consent_valid, privacy.ask_again)


@change
def add_asking(
    connection: Connection, key: bytes, address: str, request: MessageId, at: datetime, sender: str, language: str,
    shown: str, actor: str,
) -> None:  # fmt: skip
    version = remember_text(connection, language, shown, at)
    event = ConsentEvent(at, Action.ASK, None, "", "mail", language, version, {"request": str(request)}, actor)
    add_events(connection, key, address, [event], language)
    add_request(connection, request, key, at, sender, language, version)
    add_audit(connection, at, actor, "consent-ask", key.hex(), 1)


@change
def add_answer(
    connection: Connection, request: MessageId, key: bytes, at: datetime, events: Sequence[ConsentEvent],
    language: str, shown: str,
) -> None:  # fmt: skip
    remember_text(connection, language, shown, at)
    add_events(connection, key, None, events)
    answer_request(connection, request, at)


@change
def add_said(
    connection: Connection, key: bytes, address: str, events: Sequence[ConsentEvent], actor: str, deed: str
) -> None:
    add_events(connection, key, address, events)
    add_audit(connection, events[0].at, actor, deed, key.hex(), len(events))


@change_of_messages
def add_withdrawal(
    connection: Connection,
    key: bytes,
    address: str,
    events: Sequence[ConsentEvent],
    purposes: tuple[ConsentPurpose, ...],
    sender: str,
    actor: str,
) -> int:
    add_events(connection, key, address, events)
    copies = silence_copies(connection, address, purposes, events[0].at, sender)
    add_audit(connection, events[0].at, actor, events[0].action.value, key.hex(), copies)
    return copies


@change_of_messages
def erase_all(
    connection: Connection, key: bytes, address: str, event: ConsentEvent, actor: str, forms: tuple[str, ...]
) -> Erased:
    silence_copies(connection, address, ALL_PURPOSES, event.at)
    erased = erase_person(connection, key, address)
    erase_sender(connection, key, forms, event.at)
    add_events(connection, key, None, [event])
    add_audit(connection, event.at, actor, "erase", key.hex(), erased.hits)
    return erased


@change
def add_to_audit(connection: Connection, at: datetime, actor: str, action: str, subject: str, amount: int) -> None:
    add_audit(connection, at, actor, action, subject, amount)
