"""Counts a day without anybody, and consents whose details can go while the chain stays whole.

The hashes of consents are made anew, over hashes of the details instead of the details. A list that was broken before
stays broken: from its first broken row on the hashes are empty.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.chain import START, chained, detailed

revision = "0004"
down_revision = "0003"

_DETAILS = ("sender", "method", "language", "text_version", "evidence", "actor")
_ROWS = sa.text("SELECT * FROM consent_event ORDER BY seq")
_WRITE = sa.text(
    "UPDATE consent_event SET salt = :salt, details_hash = :details, previous_hash = :previous, hash = :own "
    "WHERE seq = :seq"
)


def upgrade() -> None:
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column(
        "message",
        sa.Column(
            "counts_only",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="sent under identity = aggregate: hits leave numbers a day, never rows",
        ),
    )
    op.create_table(
        "daily",
        sa.Column("message_seq", sequence, nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False, comment="its beginning, in UTC"),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("link", sa.Integer(), nullable=False, comment="0 for an open"),
        sa.Column("class", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('open', 'click')", name=op.f("ck_daily_kind")),
        sa.CheckConstraint(
            "class IN ('human', 'image-proxy', 'privacy-prefetch', 'security-scanner', 'link-preview', 'bot', 'own')",
            name=op.f("ck_daily_class"),
        ),
        sa.ForeignKeyConstraint(
            ["message_seq"], ["message.seq"], name=op.f("fk_daily_message_seq"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_seq", "day", "kind", "link", "class", name=op.f("pk_daily")),
        comment="counted hits without anybody: of purged hits, and of messages that are counted only",
    )
    op.add_column(
        "consent_event",
        sa.Column(
            "salt",
            sa.LargeBinary(length=16),
            comment="keeps anybody from guessing details from their hash; NULL with them gone",
        ),
    )
    op.add_column(
        "consent_event",
        sa.Column(
            "details_hash",
            sa.LargeBinary(length=32),
            comment="of salt, sender, method, … and actor: it is what is chained",
        ),
    )
    op.add_column(
        "consent_event",
        sa.Column("redacted_at", sa.BigInteger(), comment="the details' time was up: key and status are left"),
    )
    _chain_anew(op.get_bind())


def _chain_anew(connection: sa.Connection) -> None:
    old, new, broken = START, START, False
    for row in connection.execute(_ROWS).mappings().all():
        values = _plain(row)
        details = {name: values[name] for name in _DETAILS}
        broken = broken or bytes(row["previous_hash"]) != old or chained(old, values) != bytes(row["hash"])
        old = bytes(row["hash"])
        salt = secrets.token_bytes(16)
        hashed = detailed(salt, details)
        kept = {name: value for name, value in values.items() if name not in _DETAILS} | {"details": hashed.hex()}
        own = START if broken else chained(new, kept)
        connection.execute(_WRITE, {"salt": salt, "details": hashed, "previous": new, "own": own, "seq": row["seq"]})
        new = own


def _plain(row: Any) -> dict[str, Any]:
    """A row's values as version 0003 hashed them."""
    evidence = row["evidence"]
    return {
        "person_key": bytes(row["person_key"]).hex(),
        "at": row["at"],
        "action": row["action"],
        "purpose": row["purpose"],
        **{name: row[name] for name in _DETAILS},
        "evidence": json.loads(evidence) if isinstance(evidence, str) else evidence,
    }
