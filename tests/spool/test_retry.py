"""When a waiting copy is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.retry import LONGEST_PAUSE, RetrySchedule

SPOOLED = datetime(2026, 5, 1, 12, tzinfo=UTC)
SCHEDULE = RetrySchedule(first_retry=timedelta(minutes=5), expiry=timedelta(days=2))


@pytest.mark.parametrize(
    ("tries", "minutes", "why"),
    [
        (1, 5, "greylisting ends within minutes"),
        (2, 10, "each pause is twice the last"),
        (4, 40, "each pause is twice the last"),
        (5, 60, "80 minutes would be beyond the ceiling"),
        (500, 60, "a high count neither overflows nor grows"),
    ],
)
def test_the_pause_doubles_up_to_an_hour(tries: int, minutes: int, why: str) -> None:
    assert SCHEDULE.pause(tries, chance=0.5) == timedelta(minutes=minutes), why


def test_the_last_try_falls_on_the_expiry() -> None:
    shortly_before = SPOOLED + timedelta(days=2, minutes=-1)
    assert SCHEDULE.next_try(SPOOLED, shortly_before, 9, 0.9) == SPOOLED + timedelta(days=2)


def test_an_expired_copy_is_not_tried_again() -> None:
    assert SCHEDULE.next_try(SPOOLED, SPOOLED + timedelta(days=2), 9, 0.0) is None


@settings(deadline=None)
@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_next_try_is_later_than_now_and_never_after_the_expiry(tries: int, chance: float, age: timedelta) -> None:
    now = SPOOLED + age
    at = SCHEDULE.next_try(SPOOLED, now, tries, chance)
    assert at is not None
    assert now < at <= SCHEDULE.expires_at(SPOOLED)
    assert at - now <= LONGEST_PAUSE * 1.25
