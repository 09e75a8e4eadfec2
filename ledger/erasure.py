"""Withdrawal and erasure, as work inside one of the writer's transactions: what of a person's mail is recorded no more,
and what of it goes. Links work on: their destinations are in the links.

A copy belongs to one person when it was made for them or when the message had one recipient. A copy that several
people share cannot be told apart: when one of them withdraws it falls silent as a whole, and on erasure their address
goes while the hits, which nobody can assign, stay. Work that calls these is a ``change_of_messages``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, text, update

from ledger.consent_events import ConsentPurpose
from ledger.consent_schema import consent_request, person, silence
from ledger.notice_schema import notice
from ledger.people import ERASED, normalise, written_forms
from ledger.records import HitKind
from ledger.records_writing import forget_words
from ledger.schema import copy, daily, hit, message
from ledger.words import fts5_query, tsquery, words_of

KIND_OF = {ConsentPurpose.OPENS: HitKind.OPEN, ConsentPurpose.LINKS: HitKind.CLICK}
_NO_OPENS: dict[str, Any] = {"first_opened_at": None, "last_opened_at": None} | {
    f"opens_{column}": 0 for column in ("confirmed", "possible", "machine", "own")
}
_NO_CLICKS: dict[str, Any] = {"first_clicked_at": None, "last_clicked_at": None} | {
    f"clicks_{column}": 0 for column in ("confirmed", "possible", "machine", "own")
}
_EMPTY = {HitKind.OPEN.value: _NO_OPENS, HitKind.CLICK.value: _NO_CLICKS}


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased: messages whose recipient it was, and hits that were theirs."""

    messages: int
    hits: int


def silence_copies(
    connection: Connection,
    address: str,
    purposes: Collection[ConsentPurpose],
    since: datetime,
    sender: str = "",
) -> int:
    """From ``since`` on nothing of these purposes is recorded for any copy of that person, delivered ones included;
    ``sender`` restricts it to one sender's mail. How many copies there are."""
    copies = 0
    for row, numbers in copies_of(connection, address, sender):
        for number in numbers:
            silence_copy(connection, row.seq, number, purposes, since)
            copies += 1
    return copies


def silence_copy(
    connection: Connection,
    message_seq: int,
    number: int,
    purposes: Collection[ConsentPurpose],
    since: datetime,
) -> None:
    """The same for one copy. Done twice, the earlier time stays."""
    known = set(
        connection.execute(
            select(silence.c.kind).where(silence.c.message_seq == message_seq, silence.c.copy == number)
        ).scalars()
    )
    rows = [
        {"message_seq": message_seq, "copy": number, "kind": KIND_OF[purpose].value, "since": since}
        for purpose in sorted(purposes)
        if KIND_OF[purpose].value not in known
    ]
    if rows:
        connection.execute(insert(silence), rows)


def erase_person(connection: Connection, key: bytes, address: str) -> Erased:
    """Takes address and hits of a person out of the ledger. Their key and their events (which hold no address) stay."""
    messages = hits = 0
    for row, numbers in list(copies_of(connection, address, "")):
        hits += sum(erase_copy_hits(connection, row, number) for number in numbers if is_theirs(row, number))
        _erase_address(connection, row, address)
        messages += 1
    if messages and connection.dialect.name == "sqlite":
        # The index of words marks what is deleted and lets it go when its segments are merged (FTS5, section 6.8).
        connection.execute(text("INSERT INTO message_words (message_words) VALUES ('optimize')"))
    connection.execute(update(person).where(person.c.key == key).values(address=None))
    connection.execute(delete(consent_request).where(consent_request.c.person_key == key))
    return Erased(messages, hits)


def erase_copy_hits(
    connection: Connection, row: Row[Any], number: int, purposes: Collection[ConsentPurpose] = tuple(ConsentPurpose)
) -> int:
    """Takes the hits of one copy away, and out of what its message and links add up to; how many there were.
    Hourly counts stay: they name nobody. So do numbers a day, where there were others to have made them."""
    kinds = sorted(KIND_OF[purpose].value for purpose in purposes)
    theirs = (hit.c.message_seq == row.seq) & (hit.c.copy == number) & hit.c.kind.in_(kinds)
    # What the sender was told of them goes as well.
    told = notice.c.cause.in_(select(hit.c.id).where(theirs))
    connection.execute(delete(notice).where(notice.c.message_seq == row.seq, told))
    found = connection.execute(delete(hit).where(theirs)).rowcount
    mine = (copy.c.message_seq == row.seq) & (copy.c.number == number)
    copy_row = connection.execute(select(copy).where(mine)).first()
    emptied = {name: value for kind in kinds for name, value in _EMPTY[kind].items()}
    connection.execute(update(copy).where(mine).values(emptied))
    if row.recipient_count == 1:
        connection.execute(delete(daily).where(daily.c.message_seq == row.seq, daily.c.kind.in_(kinds)))
    if copy_row is not None:
        _recount(connection, row.seq, copy_row, kinds)
    return found


def _recount(connection: Connection, seq: int, gone: Row[Any], kinds: Collection[str]) -> None:
    """Subtracts a copy's counts from its message and takes times and link counts from the copies and hits left."""
    names = [name for kind in kinds for name, value in _EMPTY[kind].items() if value == 0]
    left = {name: message.c[name] - getattr(gone, name) for name in names}
    connection.execute(update(message).where(message.c.seq == seq).values(left))
    connection.execute(
        text(
            """
            UPDATE message SET
                first_opened_at = (SELECT min(first_opened_at) FROM copy WHERE message_seq = :seq),
                last_opened_at = (SELECT max(last_opened_at) FROM copy WHERE message_seq = :seq),
                first_clicked_at = (SELECT min(first_clicked_at) FROM copy WHERE message_seq = :seq),
                last_clicked_at = (SELECT max(last_clicked_at) FROM copy WHERE message_seq = :seq),
                last_hit_at = (SELECT max(at) FROM hit WHERE message_seq = :seq)
            WHERE seq = :seq
            """
        ),
        {"seq": seq},
    )
    for column, classes in (
        ("confirmed", ("human", "image-proxy")),
        ("possible", ("privacy-prefetch",)),
        ("machine", ("security-scanner", "link-preview", "bot")),
        ("own", ("own",)),
    ):
        listed = ", ".join(f"'{one}'" for one in classes)
        connection.execute(
            text(
                f"""
                UPDATE link SET clicks_{column} = (
                    SELECT count(*) FROM hit WHERE hit.message_seq = :seq AND hit.kind = 'click'
                    AND hit.link = link.number AND hit.counted AND hit.class IN ({listed}))
                WHERE message_seq = :seq
                """  # noqa: S608 - only the constants above
            ),
            {"seq": seq},
        )
    connection.execute(
        text(
            """
            UPDATE link SET
                first_clicked_at = (SELECT min(at) FROM hit WHERE hit.message_seq = :seq AND hit.kind = 'click'
                    AND hit.link = link.number AND hit.class IN ('human', 'image-proxy')),
                last_clicked_at = (SELECT max(at) FROM hit WHERE hit.message_seq = :seq AND hit.kind = 'click'
                    AND hit.link = link.number AND hit.class IN ('human', 'image-proxy'))
            WHERE message_seq = :seq
            """
        ),
        {"seq": seq},
    )


def copies_of(connection: Connection, address: str, sender: str) -> Iterator[tuple[Any, list[int]]]:
    """Messages that went to the address, each with the numbers of the copies that may be theirs; ``sender`` "" is every
    sender. Both are compared as consents know them: a record has them as they were written."""
    wanted = normalise(address)
    wanted_sender = normalise(sender) if sender else ""
    statement = select(
        message.c.seq,
        message.c.id,
        message.c.sender,
        message.c.recipients,
        message.c.subject,
        message.c.recipient_count,
    )
    # The index of words narrows it down; the list of recipients decides.
    statement = statement.where(message.c.seq.in_(_with_words(connection, written_forms(address))))
    for row in connection.execute(statement).all():
        if wanted_sender and normalise(row.sender) != wanted_sender:
            continue
        if all(normalise(one) != wanted for one in row.recipients):
            continue
        copies = connection.execute(select(copy.c.number, copy.c.address).where(copy.c.message_seq == row.seq)).all()
        yield row, [one.number for one in copies if not one.address or normalise(one.address) == wanted]


def _with_words(connection: Connection, spellings: Collection[str]) -> list[int]:
    if connection.dialect.name == "sqlite":
        statement = text("SELECT rowid FROM message_words WHERE message_words MATCH :words")
        typed = [fts5_query(one) for one in sorted(spellings)]
    else:
        statement = text(
            "SELECT rowid FROM message_words WHERE to_tsvector('simple', words) @@ to_tsquery('simple', :words)"
        )
        typed = [tsquery(one) for one in sorted(spellings)]
    return sorted(
        {row for words in typed if words for row in connection.execute(statement, {"words": words}).scalars()}
    )


def is_theirs(row: Row[Any], number: int) -> bool:
    return number != 0 or row.recipient_count == 1


def _erase_address(connection: Connection, row: Row[Any], address: str) -> None:
    wanted = normalise(address)
    kept = [ERASED if normalise(one) == wanted else one for one in row.recipients]
    forget_words(connection, row.seq, words_of(row.recipients, row.subject))
    connection.execute(
        text("INSERT INTO message_words (rowid, words) VALUES (:seq, :words)"),
        {"seq": row.seq, "words": words_of(kept, row.subject)},
    )
    connection.execute(update(message).where(message.c.seq == row.seq).values(recipients=kept))
    rows = connection.execute(select(copy.c.number, copy.c.address).where(copy.c.message_seq == row.seq)).all()
    for one in rows:
        if one.address and normalise(one.address) == wanted:
            connection.execute(
                update(copy)
                .where(copy.c.message_seq == row.seq, copy.c.number == one.number)
                .values(address="", reply="")
            )
    # What an upstream replied often repeats the address.
    connection.execute(update(message).where(message.c.seq == row.seq).values(reply=""))
