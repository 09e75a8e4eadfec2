"""Where a person stands with single senders otherwise than with all of them, for lists to show, each purpose by
itself. Pure.

A sender who was erased is shown as such, once, however many they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from ledger.consent_events import NOES, ConsentEvent, ConsentPurpose, Standing, standing
from ledger.people import shown_name

_CLOSED = (*NOES, Standing.RESTRICTED)

SendersByPurpose = Mapping[ConsentPurpose, tuple[str, ...]]  # every purpose is there


def not_from(events: Sequence[ConsentEvent], now: datetime, valid_for: timedelta) -> SendersByPurpose:
    """To whom alone they said no."""
    return _senders(events, now, valid_for, lambda own, general: own in NOES and general not in NOES)


def only_from(events: Sequence[ConsentEvent], now: datetime, valid_for: timedelta) -> SendersByPurpose:
    """For whose mail alone a consent holds, or took back a no to all. One that expired since still took it back: where
    no consent is required, that sender's mail is tracked."""
    return _senders(
        events,
        now,
        valid_for,
        lambda own, general: (
            (own is Standing.CONFIRMED and general is not Standing.CONFIRMED)
            or (own not in _CLOSED and general in NOES)
        ),
    )


def _senders(
    events: Sequence[ConsentEvent],
    now: datetime,
    valid_for: timedelta,
    is_meant: Callable[[Standing, Standing], bool],  # where they stand with one sender, and with all
) -> SendersByPurpose:
    named = sorted({event.sender for event in events} - {""})
    found: dict[ConsentPurpose, tuple[str, ...]] = {}
    for purpose in ConsentPurpose:
        general = standing(events, purpose, (), now, valid_for)
        meant = (one for one in named if is_meant(standing(events, purpose, (one,), now, valid_for), general))
        found[purpose] = tuple(dict.fromkeys(map(shown_name, meant)))
    return found
