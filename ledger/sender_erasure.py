"""Erasing somebody who sends mail: their messages stay as messages of nobody, and charts add up as before.

Work inside one of the writer's transactions. Their account, if they have one, is the operator's to remove.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, text, update

from ledger.consent_schema import consent_event, consent_request
from ledger.consent_writing import redact
from ledger.people import ERASED, erased_name
from ledger.portions import portions_of
from ledger.schema import COLUMNS, account_address, hourly, message

_NUMBERS = ("sent", "tracked", *(f"{kind}_{column}" for kind in ("opens", "clicks") for column in COLUMNS))
# "WHERE" keeps SQLite from taking ON for a join (sqlite.org/lang_upsert.html, section 2.2)
_MERGE = f"""
    INSERT INTO hourly (login, sender, hour, {", ".join(_NUMBERS)})
    SELECT :login, :sender, hour, {", ".join(f"sum({name})" for name in _NUMBERS)} FROM hourly
    WHERE login = :old_login AND sender = :old_sender GROUP BY hour
    ON CONFLICT (login, sender, hour) DO UPDATE SET
        {", ".join(f"{name} = hourly.{name} + excluded.{name}" for name in _NUMBERS)}
"""  # noqa: S608 - names of our own


def erase_sender(connection: Connection, key: bytes, forms: Sequence[str], at: datetime) -> int:
    """Takes a sender's address out of what they sent, and out of what recipients said about it; how many messages."""
    sent = 0
    for form in forms:  # one at a time: so the index of senders has them in order
        for seqs in portions_of(connection, message.c.seq, message.c.sender == form):
            gone = {"sender": ERASED, "client_network": ""}
            connection.execute(update(message).where(message.c.seq.in_(seqs)).values(gone))
            sent += len(seqs)
    charts = select(hourly.c.login, hourly.c.sender).where(hourly.c.sender.in_(forms) | hourly.c.login.in_(forms))
    for row in connection.execute(charts.distinct()).all():
        login, sender = (ERASED if name in forms else name for name in (row.login, row.sender))
        old = {"old_login": row.login, "old_sender": row.sender}
        connection.execute(text(_MERGE), {"login": login, "sender": sender, **old})
        connection.execute(delete(hourly).where(hourly.c.login == row.login, hourly.c.sender == row.sender))
    for form in forms:
        for seqs in portions_of(connection, message.c.seq, message.c.login == form):
            connection.execute(update(message).where(message.c.seq.in_(seqs)).values(login=ERASED))
    connection.execute(delete(account_address).where(account_address.c.address.in_(forms)))
    for ids in portions_of(connection, consent_request.c.id, consent_request.c.sender.in_(forms)):
        connection.execute(delete(consent_request).where(consent_request.c.id.in_(ids)))
    for seqs in portions_of(connection, consent_event.c.seq, consent_event.c.sender.in_(forms)):
        redact(connection, seqs, at)
        # A no to this sender stays one: whoever sends under that address again has the same key.
        connection.execute(update(consent_event).where(consent_event.c.seq.in_(seqs)).values(sender=erased_name(key)))
    return sent
