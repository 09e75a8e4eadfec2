"""Takes an address out of everything that people or servers wrote: subjects, tags, notes, replies, links, notices.

Finding reads and does not hold the writer up; taking out is the work of short transactions. An address is looked for by
its domain first, in the database, and then in all its spellings (ledger/people.py), in Python. Lists of recipients are
ledger/erasure.py's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, Text, cast, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.changes import change_of_messages
from ledger.consent_schema import consent_event, consent_text
from ledger.consent_writing import redact
from ledger.notice_schema import notice
from ledger.people import without
from ledger.records_writing import INSERT_WORDS, forget_words
from ledger.schema import api_token, copy, link, message, tag
from ledger.words import words_of

TEXTS: Mapping[Table, tuple[str, ...]] = {
    message: ("subject", "header_id", "tags", "meta", "notes", "own_note", "reply", "login"),
    copy: ("reply",),
    link: ("url", "text", "name"),
    tag: ("word",),
    notice: ("answer", "said"),
    consent_event: ("method", "evidence", "actor"),
    consent_text: ("body",),
    api_token: ("label",),
}
_TABLES = {table.name: table for table in TEXTS}
Found = dict[str, list[tuple[Any, ...]]]


async def find_naming(connection: AsyncConnection, forms: Sequence[str]) -> Found:
    """The keys of rows that hold the address in one of these spellings, by table."""
    found: Found = {}
    needles = {needle for form in forms for needle in _needles(form)}
    for table, names in TEXTS.items():
        columns = [table.c[name] for name in names]
        lowered = [func.lower(cast(column, Text)) for column in columns]
        likely = or_(*(one.contains(needle, autoescape=True) for one in lowered for needle in sorted(needles)))
        keys = list(table.primary_key.columns)
        rows = await connection.stream(select(*keys, *columns).where(likely), execution_options={"yield_per": 500})
        async for row in rows:
            if any(_scrubbed(row._mapping[column], forms) != row._mapping[column] for column in columns):
                found.setdefault(table.name, []).append(tuple(row[: len(keys)]))
    return found


@change_of_messages
def scrub(
    connection: Connection, table_name: str, keys: Sequence[tuple[Any, ...]], forms: Sequence[str], at: datetime
) -> None:
    """Takes the address out of the rows with these keys. ``at`` is when details of consents went, if they had it."""
    table = _TABLES[table_name]
    key_columns = list(table.primary_key.columns)
    among = tuple_(*key_columns).in_([tuple(key) for key in keys])
    if table is consent_event:
        redact(connection, [int(key[0]) for key in keys], at)
        return
    for row in connection.execute(select(table).where(among)).all():
        changes = {
            name: clean
            for name in TEXTS[table]
            if (clean := _scrubbed(row._mapping[name], forms)) != row._mapping[name]
        }
        if changes:
            _change(connection, table, key_columns, row, changes)


def _change(
    connection: Connection, table: Table, key_columns: list[Column[Any]], row: Row[Any], changes: dict[str, Any]
) -> None:
    if table is tag:  # its word is its key
        connection.execute(delete(tag).where(tag.c.word == row.word, tag.c.message_seq == row.message_seq))
        same = select(tag.c.word).where(tag.c.word == changes["word"], tag.c.message_seq == row.message_seq)
        if connection.execute(same).first() is None:
            connection.execute(insert(tag).values(word=changes["word"], message_seq=row.message_seq))
        return
    if table is message and "subject" in changes:
        forget_words(connection, row.seq, words_of(row.recipients, row.subject))
        words = words_of(row.recipients, changes["subject"])
        connection.execute(INSERT_WORDS, {"seq": row.seq, "words": words})
    mine = [column == row._mapping[column.name] for column in key_columns]
    connection.execute(update(table).where(*mine).values(changes))


def _scrubbed(value: Any, forms: Sequence[str]) -> Any:
    match value:
        case str():
            return without(value, forms)
        case Mapping():
            return {without(str(name), forms): _scrubbed(one, forms) for name, one in value.items()}
        case list() | tuple():
            return [_scrubbed(one, forms) for one in value]
        case _:
            return value


def _needles(form: str) -> set[str]:
    """What of a spelling a database can look for without knowing letters beyond ASCII: its domain, or all of it."""
    for mark in ("@", "%40", "="):
        _, found, domain = form.rpartition(mark)
        if found:
            return {domain, json.dumps(domain)[1:-1].lower()}
    return {form, json.dumps(form)[1:-1].lower()}
