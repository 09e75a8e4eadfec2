"""The tables of consents, withdrawals and the audit log. Rows of the two chained tables are only ever added."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from ledger.consent_events import Action, ConsentPurpose
from ledger.schema import Sequence, UtcTime, metadata

person = Table(
    "person",
    metadata,
    Column("key", LargeBinary(32), primary_key=True, comment="keyed hash of the normalised address (ledger/people.py)"),
    Column("address", Text, comment="NULL after an erasure; the key stays on the do-not-track list"),
    Column("language", String(8), nullable=False, server_default=""),
    comment="people who were asked, said something, or are on the do-not-track list",
)
Index("ix_person_address", person.c.address)

consent_text = Table(
    "consent_text",
    metadata,
    Column("version", String(64), primary_key=True, comment="SHA-256 of language and body, in hexadecimal"),
    Column("language", String(8), nullable=False),
    Column("body", Text, nullable=False, comment="exactly what was shown"),
    Column("first_shown_at", UtcTime, nullable=False),
)

consent_event = Table(
    "consent_event",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("person_key", LargeBinary(32), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("action", String(16), nullable=False),
    Column("purpose", String(8), comment="NULL: all purposes"),
    Column("sender", Text, nullable=False, server_default="", comment="empty: all senders"),
    Column("method", Text, nullable=False, server_default=""),
    Column("language", String(8), nullable=False, server_default=""),
    Column("text_version", String(64), nullable=False, server_default="", comment="what was shown: consent_text"),
    Column("evidence", JSON, nullable=False, comment="never an address: it has to survive an erasure"),
    Column("actor", Text, nullable=False, server_default=""),
    Column("salt", LargeBinary(16), comment="keeps anybody from guessing details from their hash; NULL with them gone"),
    Column("details_hash", LargeBinary(32), comment="of salt, sender, method, … and actor: it is what is chained"),
    Column("redacted_at", UtcTime, comment="the details' time was up: key and status are left"),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    CheckConstraint("action IN (" + ", ".join(f"'{word}'" for word in Action) + ")", name="action"),
    CheckConstraint(
        "purpose IS NULL OR purpose IN (" + ", ".join(f"'{word}'" for word in ConsentPurpose) + ")", name="purpose"
    ),
    comment="append-only, hash-chained (ledger/chain.py)",
)
Index("ix_consent_event_person_key", consent_event.c.person_key, consent_event.c.seq)

consent_request = Table(
    "consent_request",
    metadata,
    Column("id", LargeBinary(16), primary_key=True, comment="in the place of a message's id in the page's token"),
    Column("person_key", LargeBinary(32), nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("sender", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("text_version", String(64), nullable=False),
    Column("answered_at", UtcTime),
)

silence = Table(
    "silence",
    metadata,
    Column("message_seq", Sequence, ForeignKey("message.seq", ondelete="CASCADE"), nullable=False),
    Column("copy", Integer, nullable=False),
    Column("kind", String(8), nullable=False, comment="open or click"),
    Column("since", UtcTime, nullable=False),
    PrimaryKeyConstraint("message_seq", "copy", "kind"),
    CheckConstraint("kind IN ('open', 'click')", name="kind"),
    comment="copies whose recipient withdrew: pixel and links answer, nothing is recorded",
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", Text, nullable=False, comment="account, command or system"),
    Column("action", Text, nullable=False, comment="login, export, erase, purge, settings, …"),
    Column("subject", Text, nullable=False, comment="never an address: a keyed hash, a message's id, a name of ours"),
    Column("amount", Integer, nullable=False, server_default="0", comment="how many rows it touched"),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    comment="append-only, hash-chained (ledger/chain.py)",
)
