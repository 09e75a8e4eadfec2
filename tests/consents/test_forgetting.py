"""What goes with time: single hits, recipients of old messages, evidence of consents that ended; what stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from config.settings import Settings
from ledger.consent_events import Action, ConsentEvent, ConsentPurpose, Standing, ended_at
from ledger.consent_schema import consent_event, consent_text
from ledger.consents import Consents, Gate
from ledger.message_id import MessageId
from ledger.people import spellings
from ledger.queries.consents import find_person, verify
from ledger.queries.messages import MessageFilter, list_messages
from ledger.queries.rows import ADMINISTRATOR
from ledger.queries.subjects import subject
from ledger.records import CopyRecord, HitClass
from ledger.retention import Forgotten, forget, purge, tidy
from ledger.schema import copy, daily, hit, hourly, message
from ledger.store import Store
from ledger.traces import files_naming, shed_traces
from tests.ledger.samples import NOW, SCANNER, a_hit, a_record

ANN, BOB, ME = "ann@example.com", "bob@example.net", "me@example.org"
DAY = timedelta(days=1)


class Calendar:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
async def store(tmp_path: Path, calendar: Calendar) -> AsyncIterator[Store]:
    opened = await Store.open(Settings(data_dir=tmp_path), clock=calendar)
    yield opened
    await opened.close()


def register_of(store: Store) -> Consents:
    return Consents(store, b"s" * 32, True, timedelta(days=730))


async def test_purged_hits_leave_numbers_a_day_and_the_counts_of_lists_stay(store: Store, calendar: Calendar) -> None:
    record = a_record()
    await store.register(record)
    repeated = a_hit(record.id, timedelta(minutes=1))
    hits = [a_hit(record.id), repeated, *(a_hit(record.id, timedelta(hours=n)) for n in (1, 20))]
    hits += [a_hit(record.id, timedelta(hours=1), link=2), a_hit(record.id, verdict=SCANNER)]
    await store.add_hits([*hits, a_hit(MessageId(b"?" * 16))])
    async with store.read() as connection:
        before = (await connection.execute(select(message.c.opens_confirmed, message.c.first_opened_at))).one()
        charts = (await connection.execute(select(hourly).order_by(hourly.c.hour))).all()
    calendar.now = NOW + timedelta(days=402)
    assert await purge(store) == 7
    today, morrow = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
    async with store.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(hit))).scalar() == 0
        kept = {
            (row.day, row.kind, row.link, row._mapping["class"]): row.number
            for row in await connection.execute(select(daily))
        }
        assert kept == {
            (today, "open", 0, "human"): 2,
            (morrow, "open", 0, "human"): 1,
            (today, "click", 2, "human"): 1,
            (today, "open", 0, HitClass.SECURITY_SCANNER.value): 1,
        }, "a view that was only looked again is in no number"
        assert (await connection.execute(select(message.c.opens_confirmed, message.c.first_opened_at))).one() == before
        assert (await connection.execute(select(hourly).order_by(hourly.c.hour))).all() == charts


async def test_after_a_year_nobody_can_tell_who_got_which_copy(
    store: Store, calendar: Calendar, tmp_path: Path
) -> None:
    old = a_record(recipients=(ANN, BOB), copies=(CopyRecord(1, ANN), CopyRecord(2, BOB)), meta={"customer": "4711"})
    await store.register(old)
    await store.add_hits([a_hit(old.id, copy=1)])
    calendar.now = NOW + 200 * DAY
    young = a_record(recipients=("carl@example.com",), submitted_at=calendar.now)
    await store.register(young)
    calendar.now = NOW + 366 * DAY
    assert await forget(store) == Forgotten(1, 0)
    assert await forget(store) == Forgotten(0, 0)
    async with store.read() as connection:
        rows = (await connection.execute(select(message).order_by(message.c.seq))).all()
        assert [row.recipients for row in rows] == [["[erased]", "[erased]"], ["carl@example.com"]]
        assert rows[0].meta == {}
        addresses = select(copy.c.address).where(copy.c.message_seq == rows[0].seq)
        assert (await connection.execute(addresses)).scalars().all() == ["", ""]
        found = await list_messages(connection, ADMINISTRATOR, MessageFilter(q="ann"), None, 10, calendar.now)
        assert found.items == (), "nor find it by searching"
    await shed_traces(store.place)
    assert files_naming(tmp_path, spellings(ANN)) == []
    assert await store.add_hits([a_hit(old.id, 366 * DAY, copy=1)]) == 0, "recording has ended with that"
    assert await store.add_hits([a_hit(young.id, 366 * DAY)]) == 1
    assert await store.destination(old.id, 1) == "https://example.org/one", "links work for ever"
    await shed_traces(store.place)


CONSENT = ConsentPurpose.OPENS
GRANT = ConsentEvent(NOW, Action.CONFIRM, CONSENT)


@pytest.mark.parametrize(
    ("later", "ended", "why"),
    [
        ([], NOW + 730 * DAY, "it expires"),
        ([ConsentEvent(NOW + DAY, Action.WITHDRAW)], NOW + DAY, "withdrawn altogether"),
        ([ConsentEvent(NOW + DAY, Action.WITHDRAW, CONSENT)], NOW + DAY, "withdrawn for this purpose"),
        ([ConsentEvent(NOW + DAY, Action.WITHDRAW, ConsentPurpose.LINKS)], NOW + 730 * DAY, "another purpose"),
        (
            [ConsentEvent(NOW + DAY, Action.WITHDRAW, sender=ME)],
            NOW + 730 * DAY,
            "of one sender: it lives on for others",
        ),
        ([ConsentEvent(NOW + DAY, Action.ASK)], NOW + 730 * DAY, "a question ends nothing"),
    ],
)
def test_evidence_is_needed_while_its_consent_lives(later: list[ConsentEvent], ended: datetime, why: str) -> None:
    assert ended_at([GRANT, *later], 0, 730 * DAY) == ended, why


@pytest.mark.parametrize(
    ("later", "ended", "why"),
    [
        ([], NOW + 730 * DAY, "it expires"),
        ([ConsentEvent(NOW + 10 * DAY, Action.WITHDRAW, CONSENT, ME)], NOW + 10 * DAY, "withdrawn from this sender"),
        ([ConsentEvent(NOW + 10 * DAY, Action.WITHDRAW)], NOW + 10 * DAY, "withdrawn from all"),
        ([ConsentEvent(NOW + DAY, Action.WITHDRAW, sender="x@example.net")], NOW + 730 * DAY, "another sender"),
        (
            [ConsentEvent(NOW + DAY, Action.WITHDRAW, ConsentPurpose.LINKS, ME)],
            NOW + 730 * DAY,
            "another purpose",
        ),
    ],
)
def test_a_consent_for_one_sender_ends_with_a_no_to_that_sender(
    later: list[ConsentEvent], ended: datetime, why: str
) -> None:
    given = ConsentEvent(NOW, Action.IMPORT, CONSENT, ME)
    assert ended_at([given, *later], 0, 730 * DAY) == ended, why


async def test_three_years_after_its_end_a_consent_is_a_key_and_a_status(
    store: Store, calendar: Calendar, tmp_path: Path
) -> None:
    people = register_of(store)
    await people.ask(ANN, ME, "en", "What is kept.", MessageId(b"r" * 16), "test")
    await people.add(ANN, [CONSENT], "form 7, kept by Jane Roe", "test")
    await people.withdraw(ANN, sender=ME)
    calendar.now = NOW + (730 + 1095) * DAY
    await tidy(store)
    async with store.read() as connection:
        kept = (
            (await connection.execute(select(consent_event.c.evidence).order_by(consent_event.c.seq))).scalars().all()
        )
    assert kept == [{}, {"reference": "form 7, kept by Jane Roe"}, {}], "question and no are over three years old"
    calendar.now = NOW + (730 + 1097) * DAY
    await tidy(store)
    await shed_traces(store.place)
    async with store.read() as connection:
        rows = (await connection.execute(select(consent_event).order_by(consent_event.c.seq))).all()
        found = await verify(connection)
        person = await find_person(connection, people.key_of(ANN), calendar.now, 730 * DAY)
    assert [(row.action, row.evidence, row.method, row.actor) for row in rows] == [
        ("ask", {}, "", ""), ("import", {}, "", ""), ("withdraw", {}, "", ""),
    ]  # fmt: skip
    assert found["consent_event"].is_whole
    assert person is not None
    assert person[0].standings[CONSENT] is Standing.EXPIRED
    assert (await people.gates([ANN], ME))[ANN] == Gate(False, False)
    assert all(b"Jane Roe" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


async def test_the_text_that_was_shown_goes_with_the_last_who_saw_it(store: Store, calendar: Calendar) -> None:
    people = register_of(store)
    await people.ask(ANN, ME, "en", "What is kept.", MessageId(b"r" * 16), "test")
    await people.erase(ANN, actor="test")
    calendar.now = NOW + 1097 * DAY
    await tidy(store)
    async with store.read() as connection:
        assert (await connection.execute(select(consent_text))).all() == []


async def test_an_open_extends_no_period(store: Store, calendar: Calendar) -> None:
    people = register_of(store)
    await people.add(ANN, [CONSENT], "form 7", "test")
    record = a_record(recipients=(ANN,), sender=ME)
    await store.register(record)
    for days in range(0, 360, 30):
        calendar.now = NOW + days * DAY
        assert await store.add_hits([a_hit(record.id, days * DAY)]) == 1
    calendar.now = NOW + 366 * DAY
    await tidy(store)
    async with store.read() as connection:
        assert (await connection.execute(select(message.c.recipients))).scalar() == ["[erased]"]
    calendar.now = NOW + 731 * DAY
    assert (await people.gates([ANN], ME))[ANN] == Gate(False, False)
    await tidy(store)
    async with store.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(hit))).scalar() == 0


async def test_the_export_holds_the_numbers_that_purged_hits_left_and_what_the_sender_noted(
    store: Store, calendar: Calendar
) -> None:
    record = a_record(recipients=(ANN,), tags=("spring",), meta={"customer": "4711"})
    shared = a_record(recipients=(ANN, BOB))
    for one in (record, shared):
        await store.register(one)
        await store.add_hits([a_hit(one.id, link=1)])
    calendar.now = NOW + 40 * DAY
    await purge(store, 30 * DAY)
    async with store.read() as connection:
        found = await subject(connection, b"", ANN)
    mine, ours = found.messages
    assert [(one["kind"], one["class"], one["number"], one["link"]) for one in mine.days] == [
        ("click", "human", 1, "https://example.org/one")
    ]
    assert (mine.kept["tags"], mine.kept["meta"]) == (["spring"], {"customer": "4711"})
    assert ours.days == (), "of several people's copy nobody can tell whose the number is"
