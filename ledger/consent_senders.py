"""Where a person stands with single senders otherwise than with all of them, for lists to show. Pure.

A sender who was erased is shown as such, once, however many they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ledger.consent_events import NOES, ConsentEvent, ConsentPurpose, Standing, standing
from ledger.people import shown_name

_CLOSED = (*NOES, Standing.RESTRICTED)


def not_from(events: Sequence[ConsentEvent], now: datetime, valid_for: timedelta) -> tuple[str, ...]:
    """To whom alone they said no, to one purpose or to all."""
    return _shown(
        sender
        for sender in _named(events)
        if any(own in NOES and general not in NOES for own, general in _both(events, sender, now, valid_for))
    )


def only_from(events: Sequence[ConsentEvent], now: datetime, valid_for: timedelta) -> tuple[str, ...]:
    """For whose mail alone a consent holds, or took back a no to all. One that expired since still took it back: where
    no consent is required, that sender's mail is tracked."""
    return _shown(
        sender
        for sender in _named(events)
        if any(
            (own is Standing.CONFIRMED and general is not Standing.CONFIRMED)
            or (own not in _CLOSED and general in NOES)
            for own, general in _both(events, sender, now, valid_for)
        )
    )


def _shown(senders: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(shown_name, senders)))


def _named(events: Sequence[ConsentEvent]) -> list[str]:
    return sorted({event.sender for event in events} - {""})


def _both(
    events: Sequence[ConsentEvent], sender: str, now: datetime, valid_for: timedelta
) -> list[tuple[Standing, Standing]]:
    """For each purpose, where they stand with this sender and with all."""
    return [
        (standing(events, purpose, (sender,), now, valid_for), standing(events, purpose, (), now, valid_for))
        for purpose in ConsentPurpose
    ]
