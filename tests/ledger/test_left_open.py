"""What an earlier relay left open: what a message comes to that nobody will settle any more."""

from __future__ import annotations

from datetime import timedelta

from ledger.records import CopyRecord, MessageRecord, State
from ledger.retention import give_up_copies, give_up_what_was_left
from ledger.store import Store
from tests.ledger.samples import NOW, a_record, rows

LONG_AGO = NOW - timedelta(hours=1)


def apart(name: str) -> MessageRecord:
    copies = (CopyRecord(1, "ann@example.net"), CopyRecord(2, "bob@example.net"))
    return a_record(subject=name, submitted_at=LONG_AGO, individually=True, copies=copies)


async def test_copies_that_no_spool_has_are_in_doubt_and_no_others(store: Store) -> None:
    """Their file was lost, or set aside as damaged: nothing would ever settle them."""
    lost, half_lost, waits, done = (apart(name) for name in ("lost", "half lost", "waits", "done"))
    one_piece = a_record(subject="one piece", submitted_at=LONG_AGO)
    later = apart("later")
    for record in (lost, half_lost, waits, done, one_piece, later):
        await store.register(record)
    await store.settle(half_lost.id, State.SENT, "250 ok", LONG_AGO, copy=1)
    for copy in (1, 2):
        await store.settle(done.id, State.SENT, "250 ok", LONG_AGO, copy=copy)
    before = LONG_AGO + timedelta(seconds=1)
    spooled = (waits.id, later.id)
    assert await store.write(give_up_copies, before, spooled) == 2
    assert dict(await rows(store, "SELECT subject, state FROM message")) == {
        "lost": "in-doubt", "half lost": "partly", "waits": "queued", "done": "sent", "one piece": "queued",
        "later": "queued",
    }  # fmt: skip
    assert await store.write(give_up_copies, before, spooled) == 0


async def test_what_is_registered_since_the_relay_started_is_left_alone(store: Store) -> None:
    record = apart("new")
    await store.register(record)
    await give_up_what_was_left(store, LONG_AGO, ())
    assert await rows(store, "SELECT state FROM message") == [("queued",)]
    await give_up_what_was_left(store, LONG_AGO + timedelta(seconds=1), ())
    assert await rows(store, "SELECT state FROM message") == [("in-doubt",)]
    assert await rows(store, "SELECT state FROM copy ORDER BY number") == [("in-doubt",)] * 2


async def test_one_copy_that_went_in_one_piece_is_not_looked_for_in_the_spool(store: Store) -> None:
    """``X-Track-Individually`` with a single recipient."""
    await store.register(a_record(submitted_at=LONG_AGO, individually=True))
    await give_up_what_was_left(store, LONG_AGO + timedelta(seconds=1), ())
    assert await rows(store, "SELECT state FROM message") == [("in-doubt",)]
