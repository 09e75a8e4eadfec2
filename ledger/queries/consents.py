"""Questions about people: where they stand, what they said and when, whether the lists are whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.chain import first_broken
from ledger.consent_events import Action, ConsentEvent, ConsentPurpose, Standing, standing
from ledger.consent_schema import audit, consent_event, consent_request, consent_text, person
from ledger.consent_writing import hashed_values
from ledger.message_id import MessageId

_NOT_HASHED = ("seq", "previous_hash", "hash")


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One line of the list of people. ``address`` is None after an erasure."""

    key: bytes
    address: str | None
    language: str
    standings: Mapping[ConsentPurpose, Standing]
    last_event_at: datetime | None


async def events_of(connection: AsyncConnection, keys: Iterable[bytes]) -> dict[bytes, list[ConsentEvent]]:
    """The events of each person, oldest first; a person without any has an empty list."""
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


async def verify(connection: AsyncConnection) -> dict[str, int | None]:
    """For each chained list the number of its first row that does not fit, or None when it is whole."""
    return {table.name: await _first_broken(connection, table) for table in (consent_event, audit)}


async def _first_broken(connection: AsyncConnection, table: Table) -> int | None:
    rows = (await connection.execute(select(table).order_by(table.c.seq))).all()
    return first_broken((row.seq, _plain(row), bytes(row.previous_hash), bytes(row.hash)) for row in rows)


def _plain(row: Row[Any]) -> dict[str, object]:
    values = {
        name: bytes(value) if isinstance(value, memoryview) else value
        for name, value in row._mapping.items()
        if name not in _NOT_HASHED
    }
    return hashed_values(values)


def _person(row: Row[Any], events: list[ConsentEvent], now: datetime, valid_for: timedelta) -> PersonRow:
    standings = {purpose: standing(events, purpose, "", now, valid_for) for purpose in ConsentPurpose}
    return PersonRow(bytes(row.key), row.address, row.language, standings, events[-1].at if events else None)


def _event(row: Row[Any]) -> ConsentEvent:
    return ConsentEvent(
        row.at,
        Action(row.action),
        ConsentPurpose(row.purpose) if row.purpose else None,
        row.sender,
        row.method,
        row.language,
        row.text_version,
        row.evidence,
        row.actor,
    )
