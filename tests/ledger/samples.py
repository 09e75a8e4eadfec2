"""Records and hits for tests of the ledger, with everything given that a test does not ask about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import text

from config.settings import Settings
from ledger.access import Ledger
from ledger.message_id import MessageId, mint_message_id
from ledger.records import (
    Confidence,
    Hit,
    HitClass,
    HitKind,
    LinkRecord,
    MessageRecord,
    Verdict,
)

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HUMAN = Verdict(HitClass.HUMAN, Confidence.PROBABLE, "R22")
SCANNER = Verdict(HitClass.SECURITY_SCANNER, Confidence.CERTAIN, "R16")
PREFETCH = Verdict(HitClass.PRIVACY_PREFETCH, Confidence.CERTAIN, "R11")
OWN = Verdict(HitClass.OWN, Confidence.PROBABLE, "R18")

_numbers = count(1)


def settings_for(folder: Path, **tables: dict[str, Any]) -> Settings:
    return Settings.model_validate({"data_dir": folder, **tables})


def an_id(at: datetime = NOW) -> MessageId:
    return mint_message_id(round(at.timestamp() * 1000), next(_numbers).to_bytes(10, "big"))


def a_record(**changes: Any) -> MessageRecord:
    record = MessageRecord(
        id=an_id(),
        submitted_at=NOW,
        sender="me@example.com",
        recipients=("ann@example.net",),
        login="me",
        subject="Offer",
        opens=True,
        links=True,
        link_list=(
            LinkRecord(1, "https://example.org/one", "one", tracked=True),
            LinkRecord(2, "https://example.org/two", "two", tracked=True),
        ),
    )
    return replace(record, **changes)


def a_hit(message: MessageId, after: timedelta = timedelta(), **changes: Any) -> Hit:
    """An open by a person, or a click where ``link`` is given."""
    at = NOW + after
    kind = HitKind.CLICK if changes.get("link") else HitKind.OPEN
    hit = Hit(str(an_id(at)), at, kind, message, 0, 0, "GET", HUMAN, "Firefox on Linux", "192.0.2.0/24")
    return replace(hit, **changes)


async def rows(ledger: Ledger, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    async with ledger.read() as connection:
        return [tuple(row) for row in await connection.execute(text(sql), values)]


async def the_row(ledger: Ledger, sql: str, **values: Any) -> tuple[Any, ...]:
    (row,) = await rows(ledger, sql, **values)
    return row
