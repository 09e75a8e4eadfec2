"""The table of notices: what an account is told about its mail, by which way, and how that went."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ledger.schema import Sequence, UtcTime, message, metadata

WAYS = ("email", "webhook", "apprise")
STATES = ("waiting", "done", "failed", "dropped")


def _one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=column)


notice = Table(
    "notice",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("account_id", Sequence, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("message_seq", Sequence, ForeignKey("message.seq", ondelete="CASCADE"), nullable=False),
    Column("cause", Text, nullable=False, comment="the hit's id, or unopened: one notice a cause, way and account"),
    Column("way", String(8), nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("next_at", UtcTime, nullable=False, comment="not to be sent before"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("state", String(8), nullable=False),
    Column("answer", Text, nullable=False, server_default="", comment="what the other side said last"),
    Column("said", JSON, nullable=False, comment="the hit as it was told; no address of the reader"),
    UniqueConstraint("account_id", "message_seq", "cause", "way", name="uq_notice_cause"),
    _one_of("way", WAYS),
    _one_of("state", STATES),
)
Index("ix_notice_waiting", notice.c.next_at, sqlite_where=text("state = 'waiting'"))
Index("ix_notice_message_seq", notice.c.message_seq)
# Few messages ask for a reminder; they are looked through every minute.
REMINDED = "notify LIKE 'unopened=%' AND first_opened_at IS NULL"
Index("ix_message_reminder", message.c.submitted_at, sqlite_where=text(REMINDED))
