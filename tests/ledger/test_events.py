"""Who listens to what is committed, and until when."""

from __future__ import annotations

import gc

from ledger.events import Events


def test_who_gives_up_before_the_first_event_is_listened_for_no_longer() -> None:
    events = Events()
    for _ in range(3):
        events.subscribe()  # and left again
    gc.collect()
    assert not events.is_heard
