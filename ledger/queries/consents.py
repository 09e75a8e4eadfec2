"""Questions about people: where they stand, what they said and when, whether the lists are whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.anchors import Anchor
from ledger.chain import START, chained, detailed
from ledger.consent_events import Action, ConsentEvent, ConsentPurpose, Standing, is_silent, standing
from ledger.consent_schema import audit, consent_event, consent_request, consent_text, person
from ledger.consent_senders import SendersByPurpose, not_from, only_from
from ledger.consent_writing import chained_values, details_of, hashed_values
from ledger.message_id import MessageId
from ledger.people import normalise

_NOT_HASHED = ("seq", "previous_hash", "hash")


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One line of the list of people. ``address`` is None after an erasure."""

    key: bytes
    address: str | None
    language: str
    standings: Mapping[ConsentPurpose, Standing]
    last_event_at: datetime | None
    not_from: SendersByPurpose  # senders to whom alone they said no
    only_from: SendersByPurpose  # senders for whose mail alone they agreed
    is_silent: bool  # nothing is recorded, in delivered mail either: nothing is left to withdraw


def any_event_of(people: int) -> str:
    """The statement that finds a row if one of so many people, given by their keys, has an event."""
    return f"SELECT 1 FROM consent_event WHERE person_key IN ({', '.join('?' * people)}) LIMIT 1"  # noqa: S608 - marks


async def events_of(connection: AsyncConnection, keys: Iterable[bytes]) -> dict[bytes, list[ConsentEvent]]:
    """The events of each person, oldest first; a person without any has an empty list. Their senders are normalised:
    a no from a message's page has them as that message did."""
    found: dict[bytes, list[ConsentEvent]] = {key: [] for key in keys}
    statement = select(consent_event).where(consent_event.c.person_key.in_(list(found))).order_by(consent_event.c.seq)
    for row in await connection.execute(statement):
        found[bytes(row.person_key)].append(_event(row))
    return found


async def list_people(
    connection: AsyncConnection,
    now: datetime,
    valid_for: timedelta,
    after: str = "",
    limit: int = 100,
    search: str = "",
) -> list[PersonRow]:
    """People by address; erased ones (without address) are not listed."""
    statement = select(person).where(person.c.address > after).order_by(person.c.address).limit(limit)
    if search:
        statement = statement.where(person.c.address.contains(search.lower(), autoescape=True))
    rows = (await connection.execute(statement)).all()
    events = await events_of(connection, [bytes(row.key) for row in rows])
    return [_person(row, events[bytes(row.key)], now, valid_for) for row in rows]


async def find_person(
    connection: AsyncConnection, key: bytes, now: datetime, valid_for: timedelta
) -> tuple[PersonRow, list[ConsentEvent]] | None:
    row = (await connection.execute(select(person).where(person.c.key == key))).first()
    if row is None:
        return None
    events = (await events_of(connection, [key]))[key]
    return _person(row, events, now, valid_for), events


async def find_request(connection: AsyncConnection, request: MessageId) -> Row[Any] | None:
    """The request for consent with that id: person_key, sender, language, text_version, asked_at, answered_at."""
    return (await connection.execute(select(consent_request).where(consent_request.c.id == request.raw))).first()


async def text_shown(connection: AsyncConnection, version: str) -> str | None:
    statement = select(consent_text.c.body).where(consent_text.c.version == version)
    return (await connection.execute(statement)).scalar()


@dataclass(frozen=True, slots=True)
class ChainState:
    """What a look through a chained list found. ``first_broken_row``: changed, or the one before is gone.
    ``lost_row``: an anchor's, which is not there any more as it was. ``redacted``: rows whose details went."""

    first_broken_row: int | None
    lost_row: int | None
    redacted: int
    end: Anchor

    @property
    def is_whole(self) -> bool:
        return self.first_broken_row is None and self.lost_row is None


async def verify(connection: AsyncConnection, anchors: Iterable[Mapping[str, Anchor]] = ()) -> dict[str, ChainState]:
    """For each chained list whether it is whole, and still goes back to these anchors."""
    kept = list(anchors)
    return {
        table.name: await _look_through(connection, table, [one[table.name] for one in kept if table.name in one])
        for table in (consent_event, audit)
    }


async def ends(connection: AsyncConnection) -> dict[str, Anchor]:
    """The newest row of each chained list."""
    found = {}
    for table in (consent_event, audit):
        newest = select(table.c.seq, table.c.hash).order_by(table.c.seq.desc()).limit(1)
        row = (await connection.execute(newest)).first()
        found[table.name] = Anchor(0, "") if row is None else Anchor(row.seq, bytes(row.hash).hex())
    return found


async def hold(connection: AsyncConnection, anchors: Mapping[str, Anchor]) -> bool:
    """Whether the rows these name are still there as they were; a glance, and no look through the lists."""
    for table in (consent_event, audit):
        anchor = anchors.get(table.name)
        if anchor is not None and anchor.row:
            own = (await connection.execute(select(table.c.hash).where(table.c.seq == anchor.row))).scalar()
            if own is None or bytes(own).hex() != anchor.hash:
                return False
    return True


async def _look_through(connection: AsyncConnection, table: Table, anchors: list[Anchor]) -> ChainState:
    wanted = {anchor.row: anchor for anchor in anchors if anchor.row}
    broken, redacted, last, end = None, 0, START, Anchor(0, "")
    rows = await connection.stream(select(table).order_by(table.c.seq), execution_options={"yield_per": 1000})
    async for row in rows:
        values, own = _plain(row), bytes(row.hash)
        if broken is None and not _follows(values, last, own):
            broken = row.seq
        redacted += values.get("redacted_at") is not None
        last, end = own, Anchor(row.seq, own.hex())
        if row.seq in wanted and all(one.hash == end.hash for one in anchors if one.row == row.seq):
            del wanted[row.seq]
    return ChainState(broken, min(wanted, default=None), redacted, end)


def _follows(values: Mapping[str, Any], last: bytes, own: bytes) -> bool:
    """Whether a row is what its hash says, behind the one before."""
    if values["previous_hash"] != last:
        return False
    if "details_hash" not in values:
        hashed = hashed_values({name: value for name, value in values.items() if name not in _NOT_HASHED})
        return chained(last, hashed) == own
    if values["redacted_at"] is None and detailed(values["salt"] or b"", details_of(values)) != values["details_hash"]:
        return False
    return values["details_hash"] is not None and chained(last, chained_values(values)) == own


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row._mapping.items()}


def _person(row: Row[Any], events: list[ConsentEvent], now: datetime, valid_for: timedelta) -> PersonRow:
    standings = {purpose: standing(events, purpose, (), now, valid_for) for purpose in ConsentPurpose}
    last_event_at = events[-1].at if events else None
    return PersonRow(
        bytes(row.key),
        row.address,
        row.language,
        standings,
        last_event_at,
        not_from(events, now, valid_for),
        only_from(events, now, valid_for),
        all(is_silent(events, purpose) for purpose in ConsentPurpose),
    )


def _event(row: Row[Any]) -> ConsentEvent:
    return ConsentEvent(
        row.at,
        Action(row.action),
        ConsentPurpose(row.purpose) if row.purpose else None,
        normalise(row.sender),
        row.method,
        row.language,
        row.text_version,
        row.evidence,
        row.actor,
    )
