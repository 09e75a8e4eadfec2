"""Lists are what a simple loop over all messages would give, page by page, for everybody what is theirs."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from ledger.message_id import mint_message_id
from ledger.queries import (
    ADMINISTRATOR,
    HitFilter,
    MessageFilter,
    MessageRow,
    Viewer,
    list_hits,
    list_messages,
    message,
    per_day,
    per_weekday_hour,
    totals,
)
from ledger.records import State
from ledger.store import Store
from tests.ledger.samples import HUMAN, NOW, SCANNER, a_hit, a_record, an_id

EVERY_HIT = HitFilter()
VIEWERS = {
    "administrator": ADMINISTRATOR,
    "by login": Viewer("me"),
    "by address": Viewer("nobody", ("Two@example.com",)),
    "by both": Viewer("me", ("two@example.com", "three@example.com")),
    "without anything": Viewer("nobody"),
    "without login": Viewer(""),  # mail that was sent without a login is not theirs
}
FILTERS: dict[str, tuple[MessageFilter, Callable[[MessageRow], bool]]] = {
    "everything": (MessageFilter(), lambda m: True),
    "tracked": (MessageFilter(tracked=True), lambda m: m.tracked),
    "not tracked": (MessageFilter(tracked=False), lambda m: not m.tracked),
    "opened": (MessageFilter(opened=True), lambda m: m.open_counts.confirmed > 0),
    "not opened": (MessageFilter(opened=False), lambda m: m.opens and m.open_counts.confirmed == 0),
    "clicked": (MessageFilter(clicked=True), lambda m: m.click_counts.confirmed > 0),
    "not clicked": (MessageFilter(clicked=False), lambda m: m.links and m.click_counts.confirmed == 0),
    "tag": (MessageFilter(tag="offers"), lambda m: "offers" in m.tags),
    "sender": (MessageFilter(sender="Two@example.com"), lambda m: m.sender == "two@example.com"),
    "state": (MessageFilter(state="refused"), lambda m: m.state == "refused"),
    "words": (MessageFilter(q="spring"), lambda m: "Spring" in m.subject),
    "since": (MessageFilter(since=NOW - timedelta(hours=20)), lambda m: m.submitted_at >= NOW - timedelta(hours=20)),
    "until": (MessageFilter(until=NOW - timedelta(hours=20)), lambda m: m.submitted_at < NOW - timedelta(hours=20)),
    "unopened for a day": (
        MessageFilter(unopened_for=timedelta(days=1)),
        lambda m: m.opens and not m.open_counts.confirmed and m.submitted_at <= NOW - timedelta(days=1),
    ),
    "several": (
        MessageFilter(tracked=True, opened=False, sender="one@example.com", since=NOW - timedelta(hours=30)),
        lambda m: (
            m.opens
            and not m.open_counts.confirmed
            and m.sender == "one@example.com"
            and m.submitted_at >= NOW - timedelta(hours=30)
        ),
    ),
}


async def fill(store: Store) -> None:
    dice = random.Random(7)
    for number in range(60):
        tracked = dice.random() < 0.8
        record = a_record(
            submitted_at=NOW - timedelta(hours=60 - number),
            sender=dice.choice(("one@example.com", "two@example.com", "three@example.com")),
            login=dice.choice(("me", "", "other")),
            subject=dice.choice(("Spring offer", "Autumn offer")),
            tags=dice.choice(((), ("offers",), ("offers", "news"))),
            opens=tracked,
            links=tracked and dice.random() < 0.7,
        )
        await store.register(record)
        await store.settle(record.id, dice.choice((State.SENT, State.SENT, State.REFUSED)))
        hits = [
            a_hit(record.id, timedelta(hours=number - 60 + n), link=dice.choice((0, 1)),
                  verdict=dice.choice((HUMAN, SCANNER)))
            for n in range(dice.randrange(3))
        ]  # fmt: skip
        await store.add_hits(hits if tracked else [])


async def everything(store: Store, viewer: Viewer, wanted: MessageFilter, limit: int) -> list[MessageRow]:
    found: list[MessageRow] = []
    cursor = None
    async with store.read() as connection:
        while True:
            page = await list_messages(connection, viewer, wanted, cursor, limit, NOW)
            assert len(page.items) <= limit
            found += page.items
            if page.next is None:
                return found
            assert len(page.items) == limit  # only the last page may be short
            cursor = page.next


async def test_lists_are_what_a_loop_over_all_messages_gives(store: Store) -> None:
    await fill(store)
    whole = await everything(store, ADMINISTRATOR, MessageFilter(), 500)
    assert [m.seq for m in whole] == sorted((m.seq for m in whole), reverse=True)
    for viewer_name, viewer in VIEWERS.items():
        addresses = [one.lower() for one in viewer.addresses]
        mine = [m for m in whole if viewer.admin or (m.login and m.login == viewer.login) or m.sender in addresses]
        for filter_name, (wanted, holds) in FILTERS.items():
            expected = [m for m in mine if holds(m)]
            for limit in (1, 7, 50) if viewer_name == "by both" else (7,):
                got = await everything(store, viewer, wanted, limit)
                assert got == expected, (viewer_name, filter_name, limit)


@pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 40, "1.2.3", "\N{ARABIC-INDIC DIGIT ONE}", "0"])
async def test_a_cursor_that_is_not_ours_is_no_fault(store: Store, cursor: str) -> None:
    await store.register(a_record())
    async with store.read() as connection:
        for wanted in (MessageFilter(), MessageFilter(since=NOW - timedelta(days=1))):
            assert len((await list_messages(connection, ADMINISTRATOR, wanted, cursor)).items) <= 1
        await list_hits(connection, ADMINISTRATOR, cursor=cursor)


async def test_a_message_is_shown_whole_to_those_it_belongs_to(store: Store) -> None:
    record = a_record()
    await store.register(record)
    await store.add_hits([a_hit(record.id, link=2)])
    async with store.read() as connection:
        found = await message(connection, Viewer("me"), record.id)
        assert found is not None
        assert [(link.number, link.click_counts.confirmed) for link in found.links] == [(1, 0), (2, 1)]
        assert [copy.number for copy in found.copies] == [0]
        assert found.message.message_id == ""
        assert await message(connection, Viewer("other", ("x@example.com",)), record.id) is None
        assert await message(connection, ADMINISTRATOR, an_id()) is None


async def test_a_hit_that_is_no_longer_held_still_says_where_to_go_on(store: Store) -> None:
    record = a_record()
    await store.register(record)
    ids = [str(mint_message_id(1_764_000_000_000 + 1000 * n, bytes(10))) for n in range(4)]
    await store.add_hits([replace(a_hit(record.id), id=one) for one in (ids[0], ids[2])])  # the others were purged

    async with store.read() as connection:
        for after, newer in ((ids[1], [ids[2]]), (ids[3], []), ("0" * 26, [ids[2], ids[0]])):
            page = await list_hits(connection, ADMINISTRATOR, HitFilter(after=after))
            assert [one.id for one in page.items] == newer


async def test_hits_are_listed_newest_first_and_followed_by_their_ids(store: Store) -> None:
    mine, other = a_record(), a_record(login="other", sender="other@example.com")
    for record in (mine, other):
        await store.register(record)
    hits = [a_hit(mine.id, timedelta(hours=n), link=n % 2) for n in range(5)]
    hits += [a_hit(other.id), a_hit(an_id(), verdict=SCANNER)]
    await store.add_hits(hits)

    async def ids(viewer: Viewer, wanted: HitFilter = EVERY_HIT, **more: Any) -> list[int]:
        page = await list_hits(connection, viewer, wanted, **more)
        return [[hit.id for hit in hits].index(row.id) for row in page.items]

    async with store.read() as connection:
        assert await ids(ADMINISTRATOR) == [6, 5, 4, 3, 2, 1, 0]
        assert await ids(Viewer("me")) == [4, 3, 2, 1, 0]
        assert await ids(Viewer("me"), HitFilter(kind="click")) == [3, 1]
        assert await ids(ADMINISTRATOR, HitFilter(hit_class="security-scanner")) == [6]
        assert await ids(ADMINISTRATOR, HitFilter(message=other.id)) == [5]
        assert await ids(ADMINISTRATOR, HitFilter(after=hits[4].id)) == [6, 5]
        first = await list_hits(connection, Viewer("me"), limit=2)
        assert await ids(Viewer("me"), cursor=first.next, limit=2) == [2, 1]
        row = first.items[1]
        assert (row.subject, row.url) == ("Offer", "https://example.org/one")
        unknown = (await list_hits(connection, ADMINISTRATOR)).items[0]
        assert unknown.message is None


@pytest.mark.parametrize("looked_through", [1, 2, 3, 5000])
async def test_who_has_little_mail_among_much_more_gets_every_hit(
    store: Store, monkeypatch: pytest.MonkeyPatch, looked_through: int
) -> None:
    monkeypatch.setattr("ledger.queries.hits.NEWEST", looked_through)
    mine, other = a_record(), a_record(login="other", sender="other@example.com")
    for record in (mine, other):
        await store.register(record)
    whose = [mine, other, other, mine, other, other, other, mine, other, other]
    hits = [a_hit(record.id, timedelta(minutes=n), link=n % 2) for n, record in enumerate(whose)]
    await store.add_hits(hits)
    expected = [hit.id for hit, record in zip(hits, whose, strict=True) if record is mine][::-1]

    async with store.read() as connection:
        for limit in (1, 2, 3, 50):
            found: list[str] = []
            cursor: str | None = None
            while True:
                page = await list_hits(connection, Viewer("me"), cursor=cursor, limit=limit)
                found += [row.id for row in page.items]
                cursor = page.next
                if cursor is None:
                    break
            assert found == expected
        opens = await list_hits(connection, Viewer("me"), HitFilter(kind="open", after=hits[0].id))
        assert [row.id for row in opens.items] == []
        clicks = await list_hits(connection, Viewer("me"), HitFilter(kind="click", after=hits[0].id))
        assert [row.id for row in clicks.items] == [hits[7].id, hits[3].id]
        assert (await list_hits(connection, Viewer("nobody"))).items == ()


@pytest.mark.parametrize("looked_through", [1, 2, 3, 5000])
async def test_who_has_few_hits_of_a_class_among_many_gets_each_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch, looked_through: int
) -> None:
    monkeypatch.setattr("ledger.queries.hits.NEWEST", looked_through)
    mine, other = a_record(), a_record(login="other", sender="other@example.com")
    for record in (mine, other):
        await store.register(record)
    hits = [
        a_hit(record.id, timedelta(minutes=n), **({"verdict": SCANNER} if n % 2 else {}))
        for n, record in enumerate([mine, mine, other, mine, other, other, mine, mine, other, other])
    ]
    await store.add_hits(hits)
    wanted = HitFilter(hit_class="security-scanner")

    async with store.read() as connection:
        first = await list_hits(connection, Viewer("me"), wanted, limit=2)
        assert [row.id for row in first.items] == [hits[7].id, hits[3].id]
        second = await list_hits(connection, Viewer("me"), wanted, first.next, limit=2)
        assert [row.id for row in second.items] == [hits[1].id]
        assert (await list_hits(connection, Viewer("me"), HitFilter(hit_class="own"))).items == ()
        theirs = await list_hits(connection, Viewer("me"), replace(wanted, message=other.id))
        assert theirs.items == ()


async def test_the_hits_of_a_class_are_found_by_an_index_and_a_messages_by_its_own(store: Store) -> None:
    record = a_record()
    await store.register(record)
    await store.add_hits([a_hit(record.id)])
    asked: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, parameters))

    async with store.read() as connection:
        if connection.dialect.name != "sqlite":
            pytest.skip("PostgreSQL knows how often each class occurs, and chooses by that")

        async def indexes(viewer: Viewer, wanted: HitFilter) -> set[str]:
            asked.clear()
            event.listen(connection.sync_connection, "before_cursor_execute", note)
            await list_hits(connection, viewer, wanted)
            event.remove(connection.sync_connection, "before_cursor_execute", note)
            plans = [await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {what}", values) for what, values in asked]
            steps = " ".join(step.detail for plan in plans for step in plan)
            return set(re.findall(r"SCAN hit\b|ix_hit_\w+|INTEGER PRIMARY KEY \(rowid<", steps))

        own = HitFilter(hit_class="own")
        for viewer in (ADMINISTRATOR, Viewer("me")):
            assert await indexes(viewer, own) == {"ix_hit_class_seq"}
            assert await indexes(viewer, replace(own, kind="click")) == {"ix_hit_class_seq"}
            assert await indexes(viewer, replace(own, message=record.id)) == {"ix_hit_message_seq"}


async def test_confirmed_hits_are_found_behind_any_number_of_machines(store: Store) -> None:
    record = a_record()
    await store.register(record)
    person = a_hit(record.id)
    await store.add_hits([person, *(a_hit(record.id, timedelta(seconds=n), verdict=SCANNER) for n in range(1, 9))])
    async with store.read() as connection:
        page = await list_hits(connection, ADMINISTRATOR, HitFilter(confirmed=True), limit=2)
        assert [row.id for row in page.items] == [person.id]
        assert page.next is None


async def test_days_are_those_of_the_reader(store: Store) -> None:
    """23:30 UTC is tomorrow in Tokyo; the clocks of Berlin went back on 25 October 2026."""
    late = NOW.replace(month=10, day=24, hour=23, minute=30)
    for hours in (0, 1, 26):
        record = a_record(submitted_at=late + timedelta(hours=hours))
        await store.register(record)
    since, until = late - timedelta(days=2), late + timedelta(days=4)
    async with store.read() as connection:
        for zone, days in (("UTC", [24, 25, 26]), ("Asia/Tokyo", [25, 25, 26]), ("Europe/Berlin", [25, 25, 26])):
            slots = await per_day(connection, ADMINISTRATOR, since, until, ZoneInfo(zone))
            assert [slot.begins.day for slot in slots for _ in range(slot.sent)] == days, zone
        weekly = await per_weekday_hour(connection, ADMINISTRATOR, since, until, ZoneInfo("Europe/Berlin"))
        # Sunday 01:00 and 02:00 in summer time, Monday 02:00 in winter time
        assert [(slot.begins.weekday(), slot.begins.hour) for slot in weekly] == [(0, 2), (6, 1), (6, 2)]
        everything_ = await totals(connection, Viewer("me"), since, until)
        assert (everything_.sent, everything_.tracked) == (3, 3)
        assert (await totals(connection, Viewer("nobody"), since, until)).sent == 0
