"""Adds to the lists of consents and of what was done: each function is the work of one of the writer's transactions.

Nothing here changes a row of a chained list; ``erase`` takes addresses away, which are never part of one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from ledger.chain import START, chained
from ledger.consent_events import ConsentEvent
from ledger.consent_schema import audit, consent_event, consent_request, consent_text, person
from ledger.message_id import MessageId


def add_events(
    connection: Connection, key: bytes, address: str | None, events: Sequence[ConsentEvent], language: str = ""
) -> None:
    """Adds events of one person, in order. ``address`` None leaves what is known of it as it is."""
    remember_person(connection, key, address, language)
    for event in events:
        _append(connection, consent_event, event_values(key, event))


def remember_person(connection: Connection, key: bytes, address: str | None, language: str = "") -> None:
    known = connection.execute(select(person.c.key).where(person.c.key == key)).first()
    if known is None:
        connection.execute(insert(person).values(key=key, address=address, language=language))
        return
    changes = {name: value for name, value in (("address", address), ("language", language)) if value}
    if changes:
        connection.execute(update(person).where(person.c.key == key).values(changes))


def event_values(key: bytes, event: ConsentEvent) -> dict[str, Any]:
    return {
        "person_key": key,
        "at": event.at,
        "action": event.action.value,
        "purpose": event.purpose.value if event.purpose else None,
        "sender": event.sender,
        "method": event.method,
        "language": event.language,
        "text_version": event.text_version,
        "evidence": dict(event.evidence),
        "actor": event.actor,
    }


def remember_text(connection: Connection, language: str, body: str, at: datetime) -> str:
    """The version under which exactly this text can be found again."""
    version = hashlib.sha256(f"{language}\n{body}".encode()).hexdigest()
    if connection.execute(select(consent_text.c.version).where(consent_text.c.version == version)).first() is None:
        connection.execute(
            insert(consent_text).values(version=version, language=language, body=body, first_shown_at=at)
        )
    return version


def add_request(
    connection: Connection, request: MessageId, key: bytes, at: datetime, sender: str, language: str, version: str
) -> None:
    connection.execute(
        insert(consent_request).values(
            id=request.raw, person_key=key, asked_at=at, sender=sender, language=language, text_version=version
        )
    )


def answer_request(connection: Connection, request: MessageId, at: datetime) -> None:
    connection.execute(update(consent_request).where(consent_request.c.id == request.raw).values(answered_at=at))


def add_audit(
    connection: Connection, at: datetime, actor: str, action: str, subject: str = "", amount: int = 0
) -> None:
    values = {"at": at, "actor": actor, "action": action, "subject": subject, "amount": amount}
    _append(connection, audit, values)


def hashed_values(values: Mapping[str, Any]) -> dict[str, object]:
    """A row's values as they enter its hash: bytes in hexadecimal, times in milliseconds."""
    plain: dict[str, object] = {}
    for name, value in values.items():
        match value:
            case bytes():
                plain[name] = value.hex()
            case datetime():
                plain[name] = round(value.timestamp() * 1000)
            case _:
                plain[name] = value
    return plain


def _append(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    # One writer, one transaction at a time: nobody appends between the reading and the adding.
    last = connection.execute(select(table.c.hash).order_by(table.c.seq.desc()).limit(1)).scalar()
    previous = bytes(last) if last is not None else START
    own = chained(previous, hashed_values(values))
    connection.execute(insert(table).values(**values, previous_hash=previous, hash=own))
