"""The states of a spooled message and its copies, and what moves them. Pure; the list is complete.

A message is the CLIENT's until the first copy was accepted upstream (event ``OURS``), then ours. A copy is

    waiting -> under way -> delivered | waiting again | refused | in doubt
    waiting -> expired (too old) | dropped (by an administrator)

``UNDER_WAY`` without a later event means that the process died in the act: the copy is in doubt. Every event is one
durable line of the message's journal; folding the journal gives the standing after a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from ledger.records import State


class EventKind(StrEnum):
    OURS = "ours"
    ANSWERED = "answered"  # the client has heard our 250
    UNDER_WAY = "under-way"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    REFUSED = "refused"
    IN_DOUBT = "in-doubt"
    EXPIRED = "expired"
    DROPPED = "dropped"
    RELEASED = "released"  # an administrator wants it tried now
    NOTIFIED = "notified"
    DELAY_TOLD = "delay-told"  # the sender knows that these copies still wait


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a copy (number from 1), or to the whole message (number 0)."""

    kind: EventKind
    at: datetime
    number: int = 0
    reply: str = ""
    next_try: datetime | None = None  # of a deferred copy; None: held until somebody acts
    numbers: tuple[int, ...] = ()  # the copies a notification speaks of
    tries: int = 0  # in a summary: how often the copy was tried


class CopyState(StrEnum):
    WAITING = "waiting"
    UNDER_WAY = "under-way"
    DELIVERED = "delivered"
    REFUSED = "refused"
    EXPIRED = "expired"
    IN_DOUBT = "in-doubt"  # held: nobody knows whether it arrived, and the settings say not to send it again
    DROPPED = "dropped"

    @property
    def is_final(self) -> bool:
        return self not in (CopyState.WAITING, CopyState.UNDER_WAY, CopyState.IN_DOUBT)

    @property
    def in_ledger(self) -> State:
        """The ledger's word for it."""
        match self:
            case CopyState.WAITING | CopyState.UNDER_WAY:
                return State.QUEUED
            case CopyState.DELIVERED:
                return State.SENT
            case CopyState.REFUSED | CopyState.EXPIRED | CopyState.DROPPED:
                return State.REFUSED
            case CopyState.IN_DOUBT:
                return State.IN_DOUBT
            case _ as never:
                assert_never(never)


@dataclass(frozen=True, slots=True)
class CopyStanding:
    """How one copy stands. ``next_try`` None while waiting means: as soon as may be."""

    state: CopyState = CopyState.WAITING
    reply: str = ""
    tries: int = 0
    next_try: datetime | None = None
    notified: bool = False
    delay_told: bool = False
    since: datetime | None = None  # when it came into this state

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be tried. A clock that has been set back behind the last try tells no pause any more."""
        if self.state is not CopyState.WAITING:
            return False
        return self.next_try is None or self.next_try <= now or (self.since is not None and now < self.since)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a message stands."""

    copies: dict[int, CopyStanding] = field(default_factory=dict)
    ours: bool = False
    answered: bool = False
    ours_since: datetime | None = None

    @property
    def is_final(self) -> bool:
        return all(copy.state.is_final for copy in self.copies.values())

    def due(self, now: datetime) -> list[int]:
        """The waiting copies whose time has come, in order."""
        return [number for number, copy in sorted(self.copies.items()) if copy.is_due(now)]

    def with_state(self, *states: CopyState) -> list[int]:
        return [number for number, copy in sorted(self.copies.items()) if copy.state in states]


def initial_standing(numbers: Iterable[int], ours: bool) -> Standing:
    return Standing({number: CopyStanding() for number in numbers}, ours)


def after(standing: Standing, event: Event) -> Standing:
    """The standing once the event has happened. Events for copies that are not there change nothing."""
    match event.kind:
        case EventKind.OURS:
            return replace(standing, ours=True, ours_since=standing.ours_since or event.at)
        case EventKind.ANSWERED:
            return replace(standing, answered=True)
        case EventKind.NOTIFIED:
            told = {number: replace(copy, notified=True) for number, copy in _named(standing, event.numbers)}
            return replace(standing, copies=standing.copies | told)
        case EventKind.DELAY_TOLD:
            told = {number: replace(copy, delay_told=True) for number, copy in _named(standing, event.numbers)}
            return replace(standing, copies=standing.copies | told)
        case _:
            changed = {number: _moved(copy, event) for number, copy in _named(standing, (event.number,))}
            return replace(standing, copies=standing.copies | changed)


def summary(standing: Standing, at: datetime) -> Iterator[Event]:
    """The fewest events that lead from nothing to this standing: what a replaced journal begins with."""
    if standing.ours_since is not None:  # a notification is ours from the start, without an event
        yield Event(EventKind.OURS, standing.ours_since)
    if standing.answered:
        yield Event(EventKind.ANSWERED, at)
    for number, copy in standing.copies.items():
        if replace(copy, notified=False, delay_told=False) != CopyStanding():
            yield Event(
                _LEADS_TO[copy.state], copy.since or at, number, copy.reply, copy.next_try, tries=_tries_before(copy)
            )
    told = tuple(number for number, copy in standing.copies.items() if copy.notified)
    if told:
        yield Event(EventKind.NOTIFIED, at, numbers=told)
    told_of_delay = tuple(number for number, copy in standing.copies.items() if copy.delay_told)
    if told_of_delay:
        yield Event(EventKind.DELAY_TOLD, at, numbers=told_of_delay)


def _tries_before(copy: CopyStanding) -> int:
    return copy.tries - 1 if copy.state is CopyState.UNDER_WAY else copy.tries  # that event counts one itself


def _named(standing: Standing, numbers: Iterable[int]) -> list[tuple[int, CopyStanding]]:
    return [(number, standing.copies[number]) for number in numbers if number in standing.copies]


_NEXT = {
    EventKind.UNDER_WAY: CopyState.UNDER_WAY,
    EventKind.DELIVERED: CopyState.DELIVERED,
    EventKind.DEFERRED: CopyState.WAITING,
    EventKind.RELEASED: CopyState.WAITING,
    EventKind.REFUSED: CopyState.REFUSED,
    EventKind.IN_DOUBT: CopyState.IN_DOUBT,
    EventKind.EXPIRED: CopyState.EXPIRED,
    EventKind.DROPPED: CopyState.DROPPED,
}
_LEADS_TO = {state: kind for kind, state in _NEXT.items() if kind is not EventKind.RELEASED}


def _moved(copy: CopyStanding, event: Event) -> CopyStanding:
    state = _NEXT[event.kind]
    tries = max(copy.tries, event.tries) + (event.kind is EventKind.UNDER_WAY)
    return replace(
        copy, state=state, reply=event.reply or copy.reply, tries=tries, next_try=event.next_try, since=event.at
    )
