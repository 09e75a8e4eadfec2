"""What is forgotten with time beside hits: who got which copy, and the evidence of consents that ended long ago.

After ``[privacy] keep_recipients`` a message's record no longer says to whom it went, and with that recording ends for
it: a count of a copy that is somebody's would be about them, and a no they say later could not find it any more. Its
links redirect as before. After ``[privacy] keep_evidence`` beyond a consent's end its key and its status are left.
Each function is the work of one of the writer's transactions.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, text, update

from ledger.changes import change, change_of_messages
from ledger.consent_events import Action, ConsentEvent, ConsentPurpose, ended_at
from ledger.consent_schema import consent_event
from ledger.consent_writing import redact
from ledger.notice_schema import notice
from ledger.people import ERASED, normalise
from ledger.records_writing import INSERT_WORDS, forget_words
from ledger.schema import copy, message, note
from ledger.words import words_of

_FORGOTTEN = "recipients-forgotten-up-to"


@change_of_messages
def forget_recipients(connection: Connection, before: datetime, now: datetime, chunk: int) -> int:
    """Of messages submitted before then, in their order; how many, 0 when none is left."""
    done = connection.execute(select(note.c.value).where(note.c.key == _FORGOTTEN)).scalar()
    rows = connection.execute(
        select(message.c.seq, message.c.recipients, message.c.recipient_count, message.c.subject,
               message.c.record_until, message.c.submitted_at)
        .where(message.c.seq > (done or 0)).order_by(message.c.seq).limit(chunk)
    ).all()  # fmt: skip
    due = []
    for row in rows:
        if row.submitted_at >= before:
            break
        due.append(row)
    for row in due:
        nobody = [ERASED] * row.recipient_count
        forget_words(connection, row.seq, words_of(row.recipients, row.subject))
        connection.execute(INSERT_WORDS, {"seq": row.seq, "words": words_of(nobody, row.subject)})
        until = now if row.record_until is None else min(now, row.record_until)
        # What the sender kept with it (a customer's number, say) tells who it was as well as the address does.
        gone: dict[str, object] = {"recipients": nobody, "reply": "", "meta": {}, "record_until": until}
        connection.execute(update(message).where(message.c.seq == row.seq).values(gone))
    if due:
        seqs = [row.seq for row in due]
        connection.execute(update(copy).where(copy.c.message_seq.in_(seqs)).values(address="", reply=""))
        connection.execute(delete(notice).where(notice.c.message_seq.in_(seqs)))
        connection.execute(delete(note).where(note.c.key == _FORGOTTEN))
        connection.execute(insert(note).values(key=_FORGOTTEN, value=seqs[-1]))
    return len(due)


@change
def redact_evidence(connection: Connection, now: datetime, valid_for: timedelta, keep: timedelta) -> int:
    """Takes the details of consents away that ended ``keep`` ago; of how many rows."""
    old = select(consent_event.c.person_key).where(
        consent_event.c.redacted_at.is_(None), consent_event.c.at < now - keep
    )
    due: list[int] = []
    for key in connection.execute(old.distinct()).scalars().all():
        rows = connection.execute(
            select(consent_event).where(consent_event.c.person_key == key).order_by(consent_event.c.seq)
        ).all()
        events = [
            ConsentEvent(
                row.at,
                Action(row.action),
                ConsentPurpose(row.purpose) if row.purpose else None,
                normalise(row.sender),
            )
            for row in rows
        ]
        due += [
            row.seq
            for place, row in enumerate(rows)
            if row.redacted_at is None and ended_at(events, place, valid_for) + keep <= now
        ]
    redact(connection, due, now)
    return len(due)


@change
def forget_texts(connection: Connection) -> int:
    """Texts that no consent and no open request names any more; how many."""
    unused = text(
        "DELETE FROM consent_text WHERE version NOT IN (SELECT text_version FROM consent_event)"
        " AND version NOT IN (SELECT text_version FROM consent_request)"
    )
    return int(connection.execute(unused).rowcount)
