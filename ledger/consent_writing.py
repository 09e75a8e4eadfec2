"""Adds to the lists of consents and of what was done: each function is the work of one of the writer's transactions.

Rows of a chained list are only ever added. What may leave a row of consents again are its details (``redact``), which
the chain knows by a salted hash alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from ledger.chain import START, chained, detailed
from ledger.consent_events import ConsentEvent
from ledger.consent_schema import audit, consent_event, consent_request, consent_text, person
from ledger.consent_texts import text_version
from ledger.message_id import MessageId
from ledger.portions import PORTION

SALT_BYTES = 16
DETAILS = ("sender", "method", "language", "text_version", "evidence", "actor")


def add_events(
    connection: Connection, key: bytes, address: str | None, events: Sequence[ConsentEvent], language: str = ""
) -> None:
    """Adds events of one person, in order. ``address`` None leaves what is known of it as it is."""
    remember_person(connection, key, address, language)
    for event in events:
        values = event_values(key, event)
        values["salt"] = secrets.token_bytes(SALT_BYTES)
        values["details_hash"] = detailed(values["salt"], details_of(values))
        _append(connection, consent_event, values, chained_values(values))


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


def details_of(values: Mapping[str, Any]) -> dict[str, object]:
    """What of a consent's row may go one day."""
    return {name: values[name] for name in DETAILS}


def chained_values(values: Mapping[str, Any]) -> dict[str, object]:
    """What of a consent's row is in its hash: all that stays for ever, and the hash of what may go."""
    kept = ("person_key", "at", "action", "purpose")
    return hashed_values({name: values[name] for name in kept} | {"details": values["details_hash"]})


def redact(connection: Connection, seqs: Sequence[int], at: datetime) -> None:
    """Takes the details of these rows away, but for the sender, without whom nobody could tell what a no is about."""
    gone: dict[str, Any] = {
        "method": "",
        "language": "",
        "text_version": "",
        "evidence": {},
        "actor": "",
        "salt": None,
    }
    for start in range(0, len(seqs), PORTION):
        portion = seqs[start : start + PORTION]
        connection.execute(
            update(consent_event)
            .where(consent_event.c.seq.in_(portion), consent_event.c.redacted_at.is_(None))
            .values(redacted_at=at, **gone)
        )


def remember_text(connection: Connection, language: str, body: str, at: datetime) -> str:
    """The version under which exactly this text can be found again."""
    version = text_version(language, body)
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
    _append(connection, audit, values, hashed_values(values))


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


def _append(connection: Connection, table: Table, values: dict[str, Any], hashed: Mapping[str, object]) -> None:
    # One writer, one transaction at a time: nobody appends between the reading and the adding.
    last = connection.execute(select(table.c.hash).order_by(table.c.seq.desc()).limit(1)).scalar()
    previous = bytes(last) if last is not None else START
    own = chained(previous, hashed)
    connection.execute(insert(table).values(**values, previous_hash=previous, hash=own))
