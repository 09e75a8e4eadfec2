"""The first shape of the ledger: messages, copies, links, hits, hourly counts, accounts, and the words to search.

Printed from ledger/schema.py; the words are an FTS5 table on SQLite and a tsvector index on PostgreSQL.
"""

# ruff: noqa: E501 - printed lines

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_account()
    _create_hourly()
    _create_message()
    _create_note()
    _create_account_address()
    _create_api_token()
    _create_copy()
    _create_hit()
    _create_link()
    _create_session()
    _create_tag()
    if op.get_bind().dialect.name == "sqlite":
        # Contentless: the words stand in message already. prefix: people type the beginning of a word.
        op.execute(
            "CREATE VIRTUAL TABLE message_words USING fts5(words, content='', prefix='2 3', tokenize='unicode61')"
        )
    else:
        op.execute("CREATE TABLE message_words (rowid BIGINT PRIMARY KEY, words TEXT NOT NULL)")
        op.execute("CREATE INDEX ix_message_words ON message_words USING gin (to_tsvector('simple', words))")


def _create_account() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False, comment="argon2id"),
        sa.Column("admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("preferences", sa.JSON(), nullable=False, comment="language, time zone, notifications"),
        sa.Column(
            "seen_hit_seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default=sa.text("0"),
            nullable=False,
            comment="what the bell has shown",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )


def _create_hourly() -> None:
    op.create_table(
        "hourly",
        sa.Column(
            "login", sa.Text(), nullable=False, comment="whose mail, as in message; empty with sender: everybody's"
        ),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False, comment="its beginning, in UTC"),
        sa.Column("sent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tracked", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_confirmed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_possible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_machine", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_own", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_confirmed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_possible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_machine", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_own", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("login", "sender", "hour", name=op.f("pk_hourly")),
        comment="counts for charts; survives the purge of hits",
        sqlite_with_rowid=False,
    )


def _message_facts() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="order of submission; pages are keyed by it",
        ),
        sa.Column(
            "id", sa.LargeBinary(length=16), nullable=False, comment="the id in tokens, replies and the API (ULID)"
        ),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "accepted_at",
            sa.BigInteger(),
            nullable=True,
            comment="the upstream's 250: the clock of the rules on hits starts here",
        ),
        sa.Column("login", sa.Text(), nullable=False, comment="SMTP login; whose mail it is"),
        sa.Column("sender", sa.Text(), nullable=False, comment="of the envelope, lower-cased"),
        sa.Column("listener", sa.Text(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False, comment="addresses of the envelope, in order"),
        sa.Column("recipient_count", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column(
            "header_id", sa.Text(), nullable=False, comment="Message-ID as written; notices are threaded under it"
        ),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("meta", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False, comment="what was odd about the request"),
        sa.Column(
            "own_note", sa.Text(), server_default="", nullable=False, comment="the sender's own words, from the page"
        ),
        sa.Column("opens", sa.Boolean(), nullable=False, comment="a pixel was put in"),
        sa.Column("links", sa.Boolean(), nullable=False, comment="links were put through us"),
        sa.Column("individually", sa.Boolean(), nullable=False),
        sa.Column("tracked", sa.Boolean(), nullable=False, comment="opens or links; what the tracked filter asks"),
        sa.Column("reason", sa.String(length=32), nullable=True, comment="why it was left as it was"),
        sa.Column("notify", sa.Text(), server_default="", nullable=False),
        sa.Column("record_until", sa.BigInteger(), nullable=True, comment="recording ends then; links still redirect"),
        sa.Column("stopped_at", sa.BigInteger(), nullable=True, comment="recording was stopped; links still redirect"),
        sa.Column(
            "client_network", sa.Text(), server_default="", nullable=False, comment="submitted from; emptied after 24 h"
        ),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False, comment="the upstream's final reply"),
    ]


def _message_counts() -> list[sa.Column[Any]]:
    return [
        sa.Column("first_opened_at", sa.BigInteger(), nullable=True, comment="of confirmed opens"),
        sa.Column("last_opened_at", sa.BigInteger(), nullable=True),
        sa.Column("first_clicked_at", sa.BigInteger(), nullable=True, comment="of confirmed clicks"),
        sa.Column("last_clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_hit_at", sa.BigInteger(), nullable=True, comment="of any class; what the live list sorts by"),
        sa.Column("opens_confirmed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_possible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_machine", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_own", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_confirmed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_possible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_machine", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_own", sa.Integer(), server_default=sa.text("0"), nullable=False),
    ]


def _create_message() -> None:
    op.create_table(
        "message",
        *_message_facts(),
        *_message_counts(),
        sa.CheckConstraint(
            "reason IS NULL OR reason IN ('not-requested', 'nothing-to-track', 'no-html', 'signed', 'encrypted', 'dkim-signed', 'malformed', 'charset', 'too-large', 'too-complex', 'timeout', 'no-consent', 'excluded-recipient', 'several-recipients', 'ledger-unavailable', 'internal')",
            name=op.f("ck_message_reason"),
        ),
        sa.CheckConstraint(
            "state IN ('sent', 'refused', 'in-doubt', 'queued', 'partly')", name=op.f("ck_message_state")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_message")),
        sa.UniqueConstraint("id", name=op.f("uq_message_id")),
    )
    op.create_index(
        "ix_message_clicked",
        "message",
        ["seq"],
        unique=False,
        postgresql_where=sa.text("first_clicked_at IS NOT NULL"),
        sqlite_where=sa.text("first_clicked_at IS NOT NULL"),
    )
    op.create_index("ix_message_login_seq", "message", ["login", "seq"], unique=False)
    op.create_index(
        "ix_message_opened",
        "message",
        ["seq"],
        unique=False,
        postgresql_where=sa.text("first_opened_at IS NOT NULL"),
        sqlite_where=sa.text("first_opened_at IS NOT NULL"),
    )
    op.create_index("ix_message_sender_seq", "message", ["sender", "seq"], unique=False)
    op.create_index("ix_message_state_seq", "message", ["state", "seq"], unique=False)
    op.create_index("ix_message_submitted_at", "message", ["submitted_at"], unique=False)
    op.create_index("ix_message_tracked_seq", "message", ["tracked", "seq"], unique=False)


def _create_note() -> None:
    op.create_table(
        "note",
        sa.Column("key", sa.Text(), nullable=False, comment="what installation-wide value this is"),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_note")),
        comment="small values of the installation: set-up secret's hash, alarms, last purge",
    )


def _create_account_address() -> None:
    op.create_table(
        "account_address",
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="a sender whose mail this account sees, lower-cased"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_address_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "address", name=op.f("pk_account_address")),
    )


def _create_api_token() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256; the token is shown once"),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_api_token_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )


def _create_copy() -> None:
    op.create_table(
        "copy",
        sa.Column("message_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="as in tokens; 0 is the copy all recipients share"),
        sa.Column("address", sa.Text(), nullable=False, comment="empty for the shared copy, and after erasure"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reply", sa.Text(), server_default="", nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True, comment="the upstream's 250 for this copy"),
        sa.Column("first_opened_at", sa.BigInteger(), nullable=True),
        sa.Column("last_opened_at", sa.BigInteger(), nullable=True),
        sa.Column("first_clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("opens_confirmed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_possible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_machine", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opens_own", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_confirmed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_possible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_machine", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_own", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("state IN ('sent', 'refused', 'in-doubt', 'queued', 'partly')", name=op.f("ck_copy_state")),
        sa.ForeignKeyConstraint(["message_seq"], ["message.seq"], name=op.f("fk_copy_message_seq"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_seq", "number", name=op.f("pk_copy")),
    )


def _create_hit() -> None:
    op.create_table(
        "hit",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="order of arrival; pages are keyed by it",
        ),
        sa.Column("id", sa.String(length=26), nullable=False, comment="ULID; makes replaying a journal harmless"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column(
            "message_seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="NULL: unknown message",
        ),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("link", sa.Integer(), nullable=False, comment="0 for an open"),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("class", sa.String(length=20), nullable=False),
        sa.Column("confidence", sa.String(length=10), nullable=False),
        sa.Column("rule", sa.String(length=8), nullable=False, comment="docs/classes.md"),
        sa.Column("user_agent", sa.Text(), nullable=False, comment="as [privacy] user_agent says"),
        sa.Column("ip", sa.Text(), nullable=False, comment="as [privacy] ip_address says"),
        sa.Column(
            "repeats",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="hits beyond 60 a minute share a row",
        ),
        sa.Column(
            "counted", sa.Boolean(), nullable=False, comment="False: a repeated view, kept but not counted in summaries"
        ),
        sa.Column(
            "facts",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="minimised facts apart from the verdict, for looking again",
        ),
        sa.CheckConstraint(
            "class IN ('human', 'image-proxy', 'privacy-prefetch', 'security-scanner', 'link-preview', 'bot', 'own')",
            name=op.f("ck_hit_class"),
        ),
        sa.CheckConstraint("confidence IN ('certain', 'probable')", name=op.f("ck_hit_confidence")),
        sa.CheckConstraint("kind IN ('open', 'click')", name=op.f("ck_hit_kind")),
        sa.ForeignKeyConstraint(["message_seq"], ["message.seq"], name=op.f("fk_hit_message_seq"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_hit")),
        sa.UniqueConstraint("id", name=op.f("uq_hit_id")),
    )
    op.create_index("ix_hit_at", "hit", ["at"], unique=False)
    op.create_index("ix_hit_message_seq", "hit", ["message_seq", "seq"], unique=False)


def _create_link() -> None:
    op.create_table(
        "link",
        sa.Column("message_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="as in tokens, from 1 in reading order"),
        sa.Column(
            "url", sa.Text(), nullable=False, comment="the exact Location for tracked links; as written for others"
        ),
        sa.Column("text", sa.Text(), nullable=False, comment="what the recipient reads"),
        sa.Column("name", sa.Text(), nullable=False, comment="data-track-name"),
        sa.Column("part", sa.Text(), nullable=False, comment="as in IMAP: 1.2"),
        sa.Column("tracked", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True, comment="why it was left as it was"),
        sa.Column("first_clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_clicked_at", sa.BigInteger(), nullable=True),
        sa.Column("clicks_confirmed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_possible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_machine", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("clicks_own", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "reason IS NULL OR reason IN ('scheme', 'relative', 'own', 'unsubscribe', 'text-is-url', 'opted-out', 'excluded-domain', 'secret', 'quoted', 'too-long', 'invalid')",
            name=op.f("ck_link_reason"),
        ),
        sa.ForeignKeyConstraint(["message_seq"], ["message.seq"], name=op.f("fk_link_message_seq"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_seq", "number", name=op.f("pk_link")),
    )


def _create_session() -> None:
    op.create_table(
        "session",
        sa.Column(
            "id_hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256 of the cookie; the cookie is not kept",
        ),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("client_network", sa.Text(), server_default="", nullable=False, comment="for telling own hits"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_session_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_session")),
    )


def _create_tag() -> None:
    op.create_table(
        "tag",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("message_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["message_seq"], ["message.seq"], name=op.f("fk_tag_message_seq"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("word", "message_seq", name=op.f("pk_tag")),
        comment="messages by tag; message.tags holds the same words for display",
    )
