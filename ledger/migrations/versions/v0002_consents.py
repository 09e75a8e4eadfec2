"""Consents, withdrawals and the audit log. Printed from ledger/consent_schema.py."""

# ruff: noqa: E501 - printed lines

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _create_audit()
    _create_consent_event()
    _create_consent_request()
    _create_consent_text()
    _create_person()
    _create_silence()


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="account, command or system"),
        sa.Column("action", sa.Text(), nullable=False, comment="login, export, erase, purge, settings, …"),
        sa.Column(
            "subject",
            sa.Text(),
            nullable=False,
            comment="never an address: a keyed hash, a message's id, a name of ours",
        ),
        sa.Column("amount", sa.Integer(), server_default="0", nullable=False, comment="how many rows it touched"),
        sa.Column("previous_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        comment="append-only, hash-chained (ledger/chain.py)",
    )


def _create_consent_event() -> None:
    op.create_table(
        "consent_event",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("person_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=True, comment="NULL: all purposes"),
        sa.Column("sender", sa.Text(), server_default="", nullable=False, comment="empty: all senders"),
        sa.Column("method", sa.Text(), server_default="", nullable=False),
        sa.Column("language", sa.String(length=8), server_default="", nullable=False),
        sa.Column(
            "text_version",
            sa.String(length=64),
            server_default="",
            nullable=False,
            comment="what was shown: consent_text",
        ),
        sa.Column("evidence", sa.JSON(), nullable=False, comment="never an address: it has to survive an erasure"),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint(
            "action IN ('ask', 'grant', 'confirm', 'refuse', 'withdraw', 'expire', 'import', 'erase', 'restrict', 'unrestrict')",
            name=op.f("ck_consent_event_action"),
        ),
        sa.CheckConstraint("purpose IS NULL OR purpose IN ('opens', 'links')", name=op.f("ck_consent_event_purpose")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_consent_event")),
        comment="append-only, hash-chained (ledger/chain.py)",
    )
    op.create_index("ix_consent_event_person_key", "consent_event", ["person_key", "seq"], unique=False)


def _create_consent_request() -> None:
    op.create_table(
        "consent_request",
        sa.Column(
            "id",
            sa.LargeBinary(length=16),
            nullable=False,
            comment="in the place of a message's id in the page's token",
        ),
        sa.Column("person_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("text_version", sa.String(length=64), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_request")),
    )


def _create_consent_text() -> None:
    op.create_table(
        "consent_text",
        sa.Column(
            "version", sa.String(length=64), nullable=False, comment="SHA-256 of language and body, in hexadecimal"
        ),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="exactly what was shown"),
        sa.Column("first_shown_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_consent_text")),
    )


def _create_person() -> None:
    op.create_table(
        "person",
        sa.Column(
            "key",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="keyed hash of the normalised address (ledger/people.py)",
        ),
        sa.Column(
            "address", sa.Text(), nullable=True, comment="NULL after an erasure; the key stays on the do-not-track list"
        ),
        sa.Column("language", sa.String(length=8), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_person")),
        comment="people who were asked, said something, or are on the do-not-track list",
    )
    op.create_index("ix_person_address", "person", ["address"], unique=False)


def _create_silence() -> None:
    op.create_table(
        "silence",
        sa.Column("message_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="open or click"),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('open', 'click')", name=op.f("ck_silence_kind")),
        sa.ForeignKeyConstraint(
            ["message_seq"], ["message.seq"], name=op.f("fk_silence_message_seq"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_seq", "copy", "kind", name=op.f("pk_silence")),
        comment="copies whose recipient withdrew: pixel and links answer, nothing is recorded",
    )
