"""The states of a spooled message: folding, summing up, and what the ledger is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.records import State, state_of_copies
from relay.copies import Recipient, copy_records, plan_copies
from relay.spool_journal import append, create_journal, read_journal
from relay.spool_states import CopyState, Event, EventKind, after, initial_standing, summary
from tests.spool.messages import AT

COPIES = (1, 2, 3)
OF_A_COPY = [
    EventKind.UNDER_WAY,
    EventKind.DELIVERED,
    EventKind.DEFERRED,
    EventKind.REFUSED,
    EventKind.IN_DOUBT,
    EventKind.EXPIRED,
    EventKind.DROPPED,
    EventKind.RELEASED,
]
events = st.one_of(
    st.builds(
        Event,
        st.sampled_from(OF_A_COPY),
        st.just(AT),
        st.sampled_from(COPIES),
        st.text(max_size=20),
        st.none() | st.just(AT + timedelta(minutes=5)),
    ),
    st.builds(Event, st.sampled_from([EventKind.OURS, EventKind.ANSWERED]), st.just(AT)),
    st.builds(Event, st.just(EventKind.NOTIFIED), st.just(AT), numbers=st.lists(st.sampled_from(COPIES)).map(tuple)),
)


@settings(deadline=None)
@given(st.lists(events, max_size=30), st.booleans())
def test_a_summary_leads_to_the_same_standing(history: list[Event], ours: bool) -> None:
    standing = initial_standing(COPIES, ours)
    for event in history:
        standing = after(standing, event)
    again = initial_standing(COPIES, ours)
    for event in summary(standing, AT):
        again = after(again, event)
    assert again == standing


@settings(deadline=None)
@given(history=st.lists(events, max_size=12))
def test_a_journal_gives_back_its_events_and_a_torn_one_those_before(
    tmp_path_factory: pytest.TempPathFactory, history: list[Event]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "x.log"
    create_journal(path)
    for event in history:
        append(path, [event], sync=False)
    assert read_journal(path) == (history, True)
    if history:
        path.write_bytes(path.read_bytes()[:-1])
        assert read_journal(path) == (history[:-1], False)


def test_a_journal_with_something_else_behind_is_not_clean(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    create_journal(path)
    append(path, [Event(EventKind.OURS, AT)])
    with path.open("ab") as file:
        file.write(b"\0" * 64)
    assert read_journal(path) == ([Event(EventKind.OURS, AT)], False)


def test_no_event_moves_a_copy_that_is_not_there() -> None:
    standing = initial_standing(COPIES, ours=False)
    assert after(standing, Event(EventKind.DELIVERED, AT, 9)) == standing


@pytest.mark.parametrize("state", CopyState)
def test_only_what_may_still_change_is_queued_or_in_doubt_for_the_ledger(state: CopyState) -> None:
    assert state.is_final == (state.in_ledger in (State.SENT, State.REFUSED))


@pytest.mark.parametrize(
    ("states", "whole", "why"),
    [
        ([State.SENT, State.SENT], State.SENT, "all have it"),
        ([State.SENT, State.QUEUED], State.QUEUED, "one still waits"),
        ([State.SENT, State.REFUSED], State.PARTLY, "some have it"),
        ([State.REFUSED, State.REFUSED], State.REFUSED, "nobody has it"),
        ([State.SENT, State.IN_DOUBT], State.PARTLY, "of one nobody knows"),
        ([State.REFUSED, State.IN_DOUBT], State.IN_DOUBT, "perhaps nobody has it"),
    ],
)
def test_the_state_of_the_whole(states: list[State], whole: State, why: str) -> None:
    assert state_of_copies(states) is whole, why


def test_copies_are_numbered_from_one_in_the_order_of_the_recipients() -> None:
    recipients = [Recipient(b"RCPT TO:<a@x>", "a@x"), Recipient(b"RCPT TO:<b@x>", "b@x", may_be_tracked=False)]
    copies = plan_copies(recipients, tracked=True)
    assert [(copy.number, copy.address, copy.tracked) for copy in copies] == [(1, "a@x", True), (2, "b@x", False)]
    assert [record.number for record in copy_records(copies)] == [1, 2]
    assert not any(copy.tracked for copy in plan_copies(recipients, tracked=False))


def test_more_recipients_than_a_token_can_number_are_refused() -> None:
    with pytest.raises(ValueError, match="more than tokens can number"):
        plan_copies([Recipient(b"", "")] * 65536, tracked=True)
