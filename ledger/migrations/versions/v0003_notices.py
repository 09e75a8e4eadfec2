"""Notices to senders, and an index of tags by message. Printed from ledger/notice_schema.py."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_REMINDED = sa.text("notify LIKE 'unopened=%' AND first_opened_at IS NULL")
_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "notice",
        sa.Column("seq", sequence, autoincrement=True, nullable=False),
        sa.Column("account_id", sequence, nullable=False),
        sa.Column("message_seq", sequence, nullable=False),
        sa.Column(
            "cause",
            sa.Text(),
            nullable=False,
            comment="the hit's id, or unopened: one notice a cause, way and account",
        ),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False, comment="not to be sent before"),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False, comment="what the other side said last"),
        sa.Column("said", sa.JSON(), nullable=False, comment="the hit as it was told; no address of the reader"),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed', 'dropped')", name=op.f("ck_notice_state")),
        sa.CheckConstraint("way IN ('email', 'webhook', 'apprise')", name=op.f("ck_notice_way")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_notice_account_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["message_seq"], ["message.seq"], name=op.f("fk_notice_message_seq"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_notice")),
        sa.UniqueConstraint("account_id", "message_seq", "cause", "way", name="uq_notice_cause"),
    )
    op.create_index("ix_tag_message_seq", "tag", ["message_seq"], unique=False)
    op.create_index("ix_notice_message_seq", "notice", ["message_seq"], unique=False)
    op.create_index(
        "ix_notice_waiting", "notice", ["next_at"], unique=False, sqlite_where=_WAITING, postgresql_where=_WAITING
    )
    op.create_index(
        "ix_message_reminder", "message", ["submitted_at"], unique=False, sqlite_where=_REMINDED,
        postgresql_where=_REMINDED,
    )  # fmt: skip
