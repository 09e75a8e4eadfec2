"""Everything that is kept about one person, for themselves (Articles 15 and 20 GDPR)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.consent_events import ConsentEvent
from ledger.message_id import MessageId
from ledger.people import normalise, shown_name, written_forms
from ledger.queries.consents import events_of, text_shown
from ledger.schema import copy, daily, hit, link, message
from ledger.words import fts5_query, tsquery

_DAYS = ("day", "kind", "class", "number")
_KEPT = ("login", "tags", "meta", "own_note", "header_id", "accepted_at", "record_until", "stopped_at", "counts_only")
_HITS = ("id", "at", "kind", "class", "confidence", "rule", "user_agent", "ip", "repeats")


@dataclass(frozen=True, slots=True)
class SubjectMessage:
    """A message that went to the person. ``hits`` are theirs when ``assignable``; hits on a copy that several people
    share cannot be assigned to anybody. ``days`` are numbers that single hits left, where nobody else can have made
    them. ``kept``: what else the record says."""

    id: str
    submitted_at: Any
    sender: str
    subject: str
    tracked: bool
    assignable: bool
    hits: tuple[dict[str, Any], ...]
    days: tuple[dict[str, Any], ...]
    kept: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    address: str
    messages: tuple[SubjectMessage, ...]
    consents: tuple[ConsentEvent, ...]
    texts: dict[str, str]  # what was shown, by the version that the consents name


async def subject(connection: AsyncConnection, key: bytes, address: str) -> Subject:
    """``key`` is the person's (ledger/people.py). Nothing known gives empty lists."""
    wanted = normalise(address)
    found = []
    for row in await _rows_with(connection, written_forms(address)):
        if any(normalise(one) == wanted for one in row.recipients):
            found.append(await _message(connection, row, wanted))
    events = (await events_of(connection, [key]))[key]
    texts = {version: await text_shown(connection, version) or "" for version in {one.text_version for one in events}}
    texts.pop("", None)
    # They are not told the key of somebody else, who was erased.
    said = tuple(replace(one, sender=shown_name(one.sender)) for one in events)
    return Subject(wanted, tuple(found), said, texts)


async def _rows_with(connection: AsyncConnection, spellings: Collection[str]) -> list[Any]:
    if connection.dialect.name == "sqlite":
        statement, query = text("SELECT rowid FROM message_words WHERE message_words MATCH :words"), fts5_query
    else:
        statement = text(
            "SELECT rowid FROM message_words WHERE to_tsvector('simple', words) @@ to_tsquery('simple', :words)"
        )
        query = tsquery
    numbers: set[int] = set()
    for spelling in spellings:
        if words := query(spelling):
            numbers |= set((await connection.execute(statement, {"words": words})).scalars())
    rows = await connection.execute(select(message).where(message.c.seq.in_(numbers)).order_by(message.c.seq))
    return list(rows.all())


async def _message(connection: AsyncConnection, row: Any, wanted: str) -> SubjectMessage:
    copies = (await connection.execute(select(copy).where(copy.c.message_seq == row.seq))).all()
    theirs = [one.number for one in copies if one.address and normalise(one.address) == wanted]
    if row.recipient_count == 1:
        theirs.append(0)
    links = await connection.execute(select(link.c.number, link.c.url).where(link.c.message_seq == row.seq))
    urls: dict[int, str] = {one.number: one.url for one in links}
    hits = await connection.execute(
        select(hit).where(hit.c.message_seq == row.seq, hit.c.copy.in_(theirs)).order_by(hit.c.seq)
    )
    listed = tuple({name: one._mapping[name] for name in _HITS} | {"link": urls.get(one.link)} for one in hits)
    numbers = select(daily).where(daily.c.message_seq == row.seq).order_by(daily.c.day, daily.c.kind)
    days = [
        {name: one._mapping[name] for name in _DAYS} | {"link": urls.get(one.link)}
        for one in (await connection.execute(numbers) if row.recipient_count == 1 else ())
    ]
    mine = next((one for one in copies if one.number in theirs), None)
    kept = {name: row._mapping[name] for name in _KEPT} | {
        "state": mine.state if mine else row.state,
        "reply": mine.reply if mine else row.reply,
        "links": list(urls.values()),
    }
    return SubjectMessage(
        str(MessageId(bytes(row.id))), row.submitted_at, row.sender, row.subject, row.tracked, bool(theirs), listed,
        tuple(days), kept,
    )  # fmt: skip
