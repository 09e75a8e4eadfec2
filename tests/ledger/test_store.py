"""The ledger's writing: what is answered is committed, and every sum is that of its hits. On SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from ledger.changes import change
from ledger.records import (
    Confidence,
    CopyRecord,
    Hit,
    HitClass,
    LinkReason,
    LinkRecord,
    Reason,
    State,
    Verdict,
)
from ledger.store import Store
from tests.ledger.samples import HUMAN, NOW, PREFETCH, SCANNER, a_hit, a_record, an_id, rows, the_row

COUNTS = "opens_confirmed, opens_possible, opens_machine, clicks_confirmed, clicks_possible, clicks_machine"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first connection to PostgreSQL on a busy machine takes longer than a hit may wait; that wait is not the
    question here (tests/ledger/test_faults.py asks it)."""
    monkeypatch.setattr("ledger.reading.PATIENCE_SECONDS", 10.0)


async def test_a_record_is_there_once_register_returns(store: Store) -> None:
    record = a_record(tags=("offers", "q4"), meta={"order": "17"}, notes=("unknown word",))
    await store.register(record)
    row = await the_row(store, "SELECT sender, subject, tracked, state, recipient_count FROM message")
    assert row == ("me@example.com", "Offer", True, "queued", 1)
    assert await rows(store, "SELECT word FROM tag ORDER BY word") == [("offers",), ("q4",)]
    assert await rows(store, "SELECT number, url, tracked FROM link ORDER BY number") == [
        (1, "https://example.org/one", True),
        (2, "https://example.org/two", True),
    ]


async def test_everything_a_record_says_is_kept(store: Store) -> None:
    record = a_record(
        sender="Me@Example.com", recipients=("ann@example.net", "bob@example.net"), listener="127.0.0.1:2525",
        header_id="<1@example.com>", individually=True, counts_only=True, reason=Reason.NO_CONSENT,
        tags=("ä", "b, c"), meta={"order": "17"}, notes=('a "note"',), notify="unopened=3d",
        record_until=NOW + timedelta(days=30), client_network="203.0.113.0/24", state=State.QUEUED, reply="250 ok",
        copies=(CopyRecord(1, "ann@example.net"), CopyRecord(2, "bob@example.net", State.SENT, "250", False, False)),
        link_list=(LinkRecord(1, "mailto:x@example.com", "x", "name", "1.2", False, LinkReason.SCHEME),),
    )  # fmt: skip
    await store.register(record)
    row = await the_row(
        store,
        "SELECT sender, listener, header_id, opens, links, individually, tracked, counts_only, reason, notify, state,"
        " reply, client_network, recipient_count, submitted_at, record_until FROM message",
    )
    at = round(NOW.timestamp() * 1000)
    assert row[:9] == (
        "me@example.com", "127.0.0.1:2525", "<1@example.com>", True, True, True, True, True, "no-consent",
    )  # fmt: skip
    assert row[9:] == ("unopened=3d", "queued", "250 ok", "203.0.113.0/24", 2, at, at + 30 * 86_400_000)
    texts = "CAST({} AS TEXT)"
    words = ", ".join(texts.format(name) for name in ("recipients", "tags", "meta", "notes"))
    assert [json.loads(one) for one in await the_row(store, f"SELECT {words} FROM message")] == [
        ["ann@example.net", "bob@example.net"], ["ä", "b, c"], {"order": "17"}, ['a "note"'],
    ]  # fmt: skip
    assert await rows(store, "SELECT number, address, state, reply, tracks_opens, tracks_links FROM copy") == [
        (1, "ann@example.net", "queued", "", True, True),
        (2, "bob@example.net", "sent", "250", False, False),
    ]
    assert await rows(store, "SELECT number, url, text, name, part, tracked, reason FROM link") == [
        (1, "mailto:x@example.com", "x", "name", "1.2", False, "scheme")
    ]


async def test_a_record_may_have_more_links_than_a_statement_takes(store: Store) -> None:
    many = tuple(LinkRecord(n, f"https://example.org/{n}", tracked=True) for n in range(1, 2501))
    await store.register(a_record(link_list=many))
    await store.register(a_record())
    assert await rows(store, "SELECT message_seq, count(*), max(number) FROM link GROUP BY message_seq ORDER BY 1") == [
        (1, 2500, 2500),
        (2, 2, 2),
    ]


async def test_a_record_that_is_refused_alone_leaves_nothing_and_the_next_is_taken(store: Store) -> None:
    record = a_record()
    await store.register(record)
    with pytest.raises(IntegrityError):
        await store.register(record)
    await store.register(a_record())
    counts = [await the_row(store, f"SELECT count(*) FROM {table}") for table in ("message", "copy", "link")]
    assert counts == [(2,), (2,), (4,)]
    assert await rows(store, "SELECT sent FROM hourly") == [(2,), (2,)]


async def test_a_verdict_is_kept_when_the_message_was_recorded_by_an_earlier_process(store: Store) -> None:
    record = a_record()
    await store.register(record)
    again = await Store.open(store.settings)
    assert await again.settle(record.id, State.SENT, "250 ok", NOW)
    assert await again.settle(record.id, State.SENT, "250 ok again")  # which says nothing of when
    await again.close()
    at = round(NOW.timestamp() * 1000)
    for table in ("message", "copy"):
        assert await the_row(store, f"SELECT state, reply, accepted_at FROM {table}") == ("sent", "250 ok again", at)


async def test_octets_that_are_no_text_are_kept_as_far_as_they_are(store: Store) -> None:
    await store.register(a_record(subject="caf\udce9 \0", recipients=("\udcff@example.net",)))
    (subject,) = await the_row(store, "SELECT subject FROM message")
    assert subject.startswith("caf")


async def test_a_second_record_with_the_same_id_is_refused_and_spoils_nothing(store: Store) -> None:
    record = a_record()
    await store.register(record)
    done = await asyncio.gather(
        store.register(record), store.register(a_record()), store.register(a_record()), return_exceptions=True
    )
    assert isinstance(done[0], IntegrityError)
    assert done[1:] == [None, None]
    assert await the_row(store, "SELECT count(*) FROM message") == (3,)


async def test_what_became_of_a_message_is_kept(store: Store) -> None:
    record = a_record()
    await store.register(record)
    assert await store.settle(record.id, State.SENT, "250 2.0.0 queued as 4F3", NOW)
    assert await the_row(store, "SELECT state, reply FROM message") == ("sent", "250 2.0.0 queued as 4F3")
    assert (await store.recording(record.id)).accepted_at == NOW
    assert not await store.settle(an_id(), State.SENT)


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ((State.SENT, State.SENT), "sent"),
        ((State.REFUSED, State.REFUSED), "refused"),
        ((State.SENT, State.REFUSED), "partly"),  # some have it, some never will
        ((State.SENT, State.QUEUED), "queued"),  # it is not over
        ((State.IN_DOUBT, State.SENT), "partly"),
        ((State.IN_DOUBT, State.REFUSED), "in-doubt"),  # perhaps nobody has it
    ],
)
async def test_the_state_of_a_message_follows_its_copies(store: Store, states: tuple[State, ...], whole: str) -> None:
    copies = tuple(CopyRecord(n, f"{n}@example.net") for n in range(1, len(states) + 1))
    record = a_record(individually=True, copies=copies)
    await store.register(record)
    for number, state in enumerate(states, 1):
        await store.settle(record.id, state, "250 ok", NOW + timedelta(seconds=number), copy=number)
    assert await the_row(store, "SELECT state FROM message") == (whole,)
    assert (await store.recording(record.id, 2)).accepted_at == NOW + timedelta(seconds=2)


async def test_a_hit_counts_in_message_copy_link_and_hour(store: Store) -> None:
    record = a_record()
    await store.register(record)
    await store.add_hits([a_hit(record.id), a_hit(record.id, timedelta(seconds=9), link=2)])
    assert await the_row(store, f"SELECT {COUNTS} FROM message") == (1, 0, 0, 1, 0, 0)
    assert await the_row(store, f"SELECT {COUNTS} FROM copy") == (1, 0, 0, 1, 0, 0)
    assert await rows(store, "SELECT number, clicks_confirmed FROM link ORDER BY number") == [(1, 0), (2, 1)]
    hours = await rows(store, "SELECT login, sent, opens_confirmed, clicks_confirmed FROM hourly ORDER BY login")
    assert hours == [("", 1, 1, 1), ("me", 1, 1, 1)]


async def test_a_repeated_view_is_kept_and_counts_once(store: Store) -> None:
    record = a_record()
    await store.register(record)
    minutes = (0, 1, 9, 11, 12, 30)  # windows of ten minutes begin at 0, 11 and 30
    await store.add_hits([a_hit(record.id, timedelta(minutes=m)) for m in minutes])
    assert await the_row(store, "SELECT count(*) FROM hit") == (6,)
    assert await the_row(store, "SELECT opens_confirmed FROM message") == (3,)


async def test_a_machine_before_does_not_make_a_person_a_repetition(store: Store) -> None:
    record = a_record()
    await store.register(record)
    await store.add_hits([a_hit(record.id, verdict=PREFETCH), a_hit(record.id, timedelta(seconds=30))])
    assert await the_row(store, "SELECT opens_confirmed, opens_possible FROM message") == (1, 1)


async def test_two_people_who_share_a_copy_are_told_apart_by_where_they_look_from(store: Store) -> None:
    record = a_record(recipients=("ann@example.net", "bob@example.net"))
    await store.register(record)
    await store.add_hits([a_hit(record.id), a_hit(record.id, timedelta(seconds=5), ip="198.51.100.0/24")])
    assert await the_row(store, "SELECT opens_confirmed FROM message") == (2,)


async def test_repetitions_are_still_known_after_a_restart(store: Store) -> None:
    record = a_record()
    await store.register(record)
    await store.add_hits([a_hit(record.id)])
    again = await Store.open(store.settings)
    await again.add_hits([a_hit(record.id, timedelta(minutes=1))])
    await again.close()
    assert await the_row(store, "SELECT opens_confirmed FROM message") == (1,)


async def test_replayed_hits_are_stored_and_counted_once(store: Store) -> None:
    record = a_record()
    await store.register(record)
    hits = [a_hit(record.id, timedelta(hours=n)) for n in range(5)]
    assert await store.add_hits(hits[:3]) == 3
    assert await store.add_hits([*hits, *hits], again=True) == 2
    assert await store.add_hits(hits, again=True) == 0
    assert await the_row(store, "SELECT count(*), max(seq) FROM hit") == (5, 5)
    assert await the_row(store, "SELECT opens_confirmed FROM message") == (5,)


async def test_a_row_that_stands_for_many_hits_never_loses_any(store: Store) -> None:
    record = a_record()
    await store.register(record)
    hit = a_hit(record.id)
    await store.add_hits([hit])
    for number in (5, 9, 7):
        await store.set_repeats([(hit.id, number)])
    assert await the_row(store, "SELECT repeats FROM hit") == (9,)


async def test_a_hit_on_an_unknown_message_is_kept_without_one(store: Store) -> None:
    await store.add_hits([a_hit(an_id())])
    assert await the_row(store, "SELECT message_seq, counted FROM hit") == (None, False)


async def test_nothing_is_recorded_after_a_stop(store: Store) -> None:
    record = a_record()
    await store.register(record)
    await store.add_hits([a_hit(record.id)])
    assert await store.stop(record.id, NOW + timedelta(minutes=1))
    assert await store.add_hits([a_hit(record.id, timedelta(hours=1))]) == 0
    assert not (await store.recording(record.id)).may_record(NOW + timedelta(hours=1))
    assert await store.destination(record.id, 1) == "https://example.org/one"
    assert not await store.stop(an_id(), NOW)


async def test_nothing_is_recorded_after_the_time_is_up(store: Store) -> None:
    record = a_record(record_until=NOW + timedelta(hours=1))
    await store.register(record)
    hits = [a_hit(record.id, timedelta(minutes=59)), a_hit(record.id, timedelta(minutes=60))]
    assert await store.add_hits(hits) == 1


async def test_a_changed_verdict_moves_counts_and_times(store: Store) -> None:
    record = a_record()
    await store.register(record)
    scan, person = a_hit(record.id), a_hit(record.id, timedelta(minutes=1))
    await store.add_hits([scan, person])
    assert await the_row(store, "SELECT opens_confirmed FROM message") == (1,)
    assert await store.change_verdicts([(scan.id, SCANNER), (person.id, HUMAN)]) == 1
    # The person's view had been hidden as a repetition of what turned out to be a scanner's.
    assert await the_row(store, "SELECT opens_confirmed, opens_machine FROM message") == (1, 1)
    first = await the_row(store, "SELECT first_opened_at, last_opened_at FROM copy")
    assert first == (round(person.at.timestamp() * 1000),) * 2
    assert await store.change_verdicts([(scan.id, SCANNER), ("0" * 26, SCANNER)]) == 0


async def test_when_nothing_is_confirmed_any_more_the_times_are_gone(store: Store) -> None:
    record = a_record()
    await store.register(record)
    click = a_hit(record.id, link=1)
    await store.add_hits([click])
    await store.change_verdicts([(click.id, SCANNER)])
    for table in ("message", "copy", "link WHERE number = 1"):
        got = await rows(store, f"SELECT clicks_confirmed, clicks_machine, first_clicked_at FROM {table}")
        assert got == [(0, 1, None)]


@pytest.mark.parametrize("seed", range(4))
async def test_sums_are_always_those_of_the_hits(store: Store, seed: int) -> None:
    """Random hits and random changes of mind; then everything is added up again from the hits alone."""
    dice = random.Random(seed)
    records = [a_record(recipients=("ann@example.net",) * dice.choice((1, 3))) for _ in range(3)]
    for record in records:
        await store.register(record)
    verdicts = [Verdict(one, Confidence.PROBABLE, "R22") for one in HitClass]
    hits: list[Hit] = []
    for _ in range(12):
        new = [
            a_hit(
                dice.choice(records).id,
                timedelta(minutes=dice.randrange(90)),
                link=dice.choice((0, 0, 1, 2)),
                verdict=dice.choice(verdicts),
                ip=dice.choice(("192.0.2.0/24", "198.51.100.0/24")),
            )
            for _ in range(dice.randrange(1, 9))
        ]
        hits += sorted(new, key=lambda hit: hit.at)
        await store.add_hits(new)
        await store.change_verdicts([(dice.choice(hits).id, dice.choice(verdicts)) for _ in range(3)])
    kept = await rows(store, "SELECT message_seq, kind, link, class, counted, at FROM hit")
    for seq in (1, 2, 3):
        wanted = Counter(
            f"{kind}s_{HitClass(name).column}" for m, kind, _, name, counted, _ in kept if m == seq and counted
        )
        got = await the_row(store, f"SELECT {COUNTS} FROM message WHERE seq = :seq", seq=seq)
        assert dict(zip(COUNTS.split(", "), got, strict=True)) == {name: wanted[name] for name in COUNTS.split(", ")}
        opened = [at for m, kind, _, name, _, at in kept if m == seq and kind == "open" and name in CONFIRMED]
        times = await the_row(store, "SELECT first_opened_at, last_opened_at FROM message WHERE seq = :seq", seq=seq)
        assert times == (min(opened, default=None), max(opened, default=None))
        clicks = await rows(store, "SELECT number, clicks_confirmed FROM link WHERE message_seq = :seq", seq=seq)
        for number, confirmed in clicks:
            assert confirmed == sum(
                counted and name in CONFIRMED for m, _, link, name, counted, _ in kept if (m, link) == (seq, number)
            )
    everybody = await the_row(store, "SELECT sum(opens_confirmed), sum(clicks_machine) FROM hourly WHERE login = ''")
    mine = await the_row(store, "SELECT sum(opens_confirmed), sum(clicks_machine) FROM hourly WHERE login = 'me'")
    total = await the_row(store, "SELECT sum(opens_confirmed), sum(clicks_machine) FROM message")
    assert everybody == mine == total


CONFIRMED = ("human", "image-proxy")


async def test_callers_that_go_away_leave_nothing_open(store: Store) -> None:
    record = a_record()
    await store.register(record)
    dice = random.Random(1)
    tasks = []
    for number in range(1000):
        tasks.append(asyncio.create_task(store.add_hits([a_hit(record.id, timedelta(minutes=number))])))
        if dice.random() < 0.5:
            dice.choice(tasks).cancel()
        if dice.random() < 0.1:
            await asyncio.sleep(0)
    done = await asyncio.gather(*tasks, return_exceptions=True)
    answered = sum(result == 1 for result in done)
    assert not [result for result in done if result != 1 and not isinstance(result, asyncio.CancelledError)]
    await store.add_hits([a_hit(record.id, timedelta(days=9))])
    (stored,) = await the_row(store, "SELECT count(*) FROM hit")
    assert stored >= answered + 1
    assert await the_row(store, "SELECT opens_confirmed FROM message") <= (stored,)


async def test_a_change_that_fails_spoils_no_other_of_its_group(store: Store) -> None:
    record = a_record()
    await store.register(record)
    done = await asyncio.gather(
        store.add_hits([a_hit(record.id)]),
        store.write(divide_by_nothing),
        store.add_hits([a_hit(record.id, timedelta(hours=1))]),
        return_exceptions=True,
    )
    assert done[0] == done[2] == 1
    assert isinstance(done[1], ZeroDivisionError)
    assert await the_row(store, "SELECT opens_confirmed FROM message") == (2,)


@change
def divide_by_nothing(connection: Connection) -> float:
    connection.execute(text("UPDATE message SET subject = 'never seen'"))
    return 1 / 0


async def test_everybody_who_listens_hears_what_was_committed(store: Store) -> None:
    events = store.subscribe()
    record = a_record()
    await store.register(record)
    hit = a_hit(record.id)
    await store.add_hits([hit])
    await store.change_verdicts([(hit.id, SCANNER)])
    heard = [await anext(events) for _ in range(3)]
    assert [event.what for event in heard] == ["message", "hit", "verdict"]
    assert {event.message for event in heard} == {str(record.id)}


async def test_the_senders_networks_are_known_for_a_day(store: Store) -> None:
    store.clock = lambda: NOW + timedelta(hours=1)
    await store.register(a_record(client_network="203.0.113.7"))
    record = a_record(submitted_at=NOW - timedelta(days=3))
    await store.register(record)
    assert (await store.recording(record.id)).own_networks == {"203.0.113.7"}
    store.forget_all_states()
    store.clock = lambda: NOW + timedelta(hours=25)
    assert (await store.recording(record.id)).own_networks == frozenset()


async def test_many_askers_share_one_question(store: Store) -> None:
    store.patience_seconds = 30
    records = [a_record() for _ in range(300)]
    for begin in range(0, 300, 20):  # each has two seconds, and this machine may be busy
        await asyncio.gather(*(store.register(record) for record in records[begin : begin + 20]))
    states = await asyncio.gather(*(store.recording(record.id) for record in [*records, a_record(), *records]))
    assert [state.known for state in states] == [True] * 300 + [False] + [True] * 300
