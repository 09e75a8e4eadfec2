"""Changes of more rows than one statement may take are whole, and take several statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from ledger import consent_writing, portions
from ledger.consent_events import Action, ConsentEvent, ConsentPurpose
from ledger.consent_writing import add_events
from ledger.portions import portions_of
from ledger.records import State
from ledger.retention import empty_networks, give_up_waiting
from ledger.schema import message
from ledger.sender_erasure import erase_sender
from ledger.store import Store
from tests.ledger.samples import NOW, a_record, rows

ME, ELSEWHERE = "me@example.com", "me@example.net"
LATER = NOW + timedelta(days=2)


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "PORTION", 3)
    monkeypatch.setattr(consent_writing, "PORTION", 2)


async def register(store: Store, senders: list[str]) -> None:
    for sender in senders:
        await store.register(a_record(sender=sender, login=sender, client_network="203.0.113.7"))


async def test_each_row_is_in_one_portion_while_those_before_it_are_changed(store: Store) -> None:
    await register(store, [ME, "other@example.com"] + [ME] * 7)

    def taken(connection: Connection) -> list[list[int]]:
        found = []
        for seqs in portions_of(connection, message.c.seq, message.c.sender == ME):
            found.append(list(seqs))
            connection.execute(message.update().where(message.c.seq.in_(seqs)).values(sender="gone"))
        return found

    assert await store.write(taken) == [[1, 3, 4], [5, 6, 7], [8, 9]]


async def test_a_sender_of_many_messages_is_erased_from_all_of_them(store: Store) -> None:
    await register(store, [ME, ELSEWHERE, "other@example.com"] * 7)
    said = [ConsentEvent(NOW, Action.WITHDRAW, ConsentPurpose.OPENS, ME, "page", actor="ann") for _ in range(8)]
    await store.write(lambda connection: add_events(connection, b"k" * 32, None, said))
    assert await store.write(lambda connection: erase_sender(connection, b"m" * 32, (ME, ELSEWHERE), LATER)) == 14
    counted = "SELECT sender, login, client_network, count(*) FROM message GROUP BY 1, 2, 3 ORDER BY 1"
    assert await rows(store, counted) == [
        ("[erased]", "[erased]", "", 14), ("other@example.com", "other@example.com", "203.0.113.7", 7),
    ]  # fmt: skip
    assert await rows(store, "SELECT sender, actor, salt, count(*) FROM consent_event GROUP BY 1, 2, 3") == [
        (f"key:{'6d' * 32}", "", None, 8)
    ]


async def test_many_networks_and_many_verdicts_that_never_came_are_all_found(store: Store) -> None:
    await register(store, [ME] * 8)
    assert await store.write(empty_networks, LATER) == 8
    assert await store.write(give_up_waiting, LATER) == 8
    assert await rows(store, "SELECT client_network, state, count(*) FROM message GROUP BY 1, 2") == [
        ("", State.IN_DOUBT.value, 8)
    ]
    assert await rows(store, "SELECT state, count(*) FROM copy GROUP BY 1") == [(State.IN_DOUBT.value, 8)]
