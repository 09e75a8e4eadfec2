"""The window of recent hits: complete while it lasts, and bounded whatever comes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.message_id import MessageId
from ledger.records import HitKind
from pixel_server.public.classify import HitContext
from pixel_server.public.neighbours import NeighbourWindow
from pixel_server.public.second_look import Observed
from pixel_server.public.signs.tables import Marks, Sign
from pixel_server.public.windows import Windows

BROWSER = Marks("GET")
OFFICE = Marks("GET", {Sign.OFFICE: "ms-office"})


def message(number: int) -> MessageId:
    return MessageId(number.to_bytes(16, "big"))


def hit(at: float, number: int = 0, marks: Marks = BROWSER) -> Observed:
    return Observed(f"{at}-{number}", at, 0, number, marks, HitContext(HitKind.CLICK))


def test_a_hit_sees_those_before_it_of_its_own_message_only() -> None:
    window = NeighbourWindow(Windows())
    window.add(message(1), hit(0, 1))
    window.add(message(2), hit(1, 2))
    assert [other.link for other in window.add(message(1), hit(2, 3))] == [1, 3]


def test_a_window_closes_two_minutes_after_its_first_hit_and_is_told_of_once() -> None:
    window = NeighbourWindow(Windows())
    window.add(message(1), hit(0, 1))
    window.add(message(1), hit(60, 2))
    assert window.next_due() == 120
    assert window.due(119.9) == []
    (due,) = window.due(120)
    assert (due.message, [held.link for held in due.hits]) == (message(1), [1, 2])
    assert window.due(1000) == []
    assert len(window) == 0
    assert window.next_due() is None


def test_hits_at_the_end_of_a_window_are_still_there_for_what_follows() -> None:
    window = NeighbourWindow(Windows())
    for at, link in ((0, 1), (119, 2)):
        window.add(message(1), hit(at, link))
    window.due(120)
    assert [held.link for held in window.add(message(1), hit(120.5, 3))] == [2, 3]


def test_an_office_click_is_due_when_the_browsers_time_is_over() -> None:
    window = NeighbourWindow(Windows())
    window.add(message(1), hit(0))
    window.add(message(1), hit(10, 1, OFFICE))
    assert window.next_due() == 15
    assert [due.message for due in window.due(15)] == [message(1)]
    assert window.next_due() == 120


def test_a_forgotten_message_is_gone_without_a_look() -> None:
    window = NeighbourWindow(Windows())
    window.add(message(1), hit(0, 1, OFFICE))
    window.forget(message(1))
    assert (len(window), window.due(1000), window.next_due()) == (0, [], None)
    window.forget(message(1))


def test_a_flood_of_one_message_keeps_its_latest_hits() -> None:
    window = NeighbourWindow(Windows(), max_hits_per_message=5)
    for number in range(1000):
        held = window.add(message(1), hit(number / 1000, number))
    assert [other.link for other in held] == [995, 996, 997, 998, 999]
    assert len(window) == 5


@pytest.mark.parametrize("second_look", [0.0, 1.0, 5.0, 120.0])
def test_any_length_of_the_window_comes_to_an_end(second_look: float) -> None:
    window = NeighbourWindow(Windows(second_look=second_look))
    for at in range(20):
        window.add(message(1), hit(at, at, OFFICE))
        window.due(at)
    for at in range(20, 400, 20):
        window.due(at)
    assert len(window) == 0


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans(), st.floats(0, 40), st.booleans()), max_size=120),
)
@settings(max_examples=100, deadline=None)
def test_the_bounds_hold_and_the_newest_hit_is_always_held(
    events: list[tuple[int, bool, float, bool]],
) -> None:
    window = NeighbourWindow(Windows(), max_messages=4, max_hits_per_message=3, max_hits=8)
    now = 0.0
    for number, (which, office, pause, ask) in enumerate(events):
        now += pause
        added = hit(now, number, OFFICE if office else BROWSER)
        held = window.add(message(which), added)
        assert held[-1] is added
        assert len(held) <= 3
        assert len(window) <= 8
        assert window._count == sum(len(group.hits) for group in window._groups.values())
        assert len(window._groups) <= 4
        assert set(window._office) <= set(window._groups)
        if ask:
            for due in window.due(now):
                assert due.hits
    window.due(now + 1000)
    window.due(now + 2000)
    assert len(window) == 0
