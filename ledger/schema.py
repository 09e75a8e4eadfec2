"""The tables of the ledger, in SQLAlchemy Core, for SQLite and PostgreSQL alike.

Says what is kept and why each column is there; the migrations bring a database to this shape, and a test compares
the two. Knows no connection. Counts are kept in the rows they describe, so that lists never scan hits.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
    true,
)

from ledger.records import Confidence, HitClass, HitKind, LinkReason, Reason, State

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives rows a number of its own only for INTEGER; PostgreSQL's INTEGER ends at 2**31.
Sequence = BigInteger().with_variant(Integer(), "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole milliseconds since 1970: sorts, compares and groups by integer."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        return None if value is None else round(value.timestamp() * 1000)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


def _one_of(column: str, words: type[Any]) -> CheckConstraint:
    return CheckConstraint(_is_one_of(column, words), name=column)


def _is_one_of(column: str, words: type[Any]) -> str:
    # Not IN: for more than two words SQLite would make a table of them, in a trigger one for every row.
    return " OR ".join(f"{column} = '{word}'" for word in words)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


# The reported numbers of one kind of hit, in the order of the contract.
COLUMNS = ("confirmed", "possible", "machine", "own")


def _counts(*kinds: str) -> list[Column[int]]:
    return [_count(f"{kind}_{column}") for kind in kinds for column in COLUMNS]


message = Table(
    "message",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True, comment="order of submission; pages are keyed by it"),
    Column("id", LargeBinary(16), nullable=False, unique=True, comment="the id in tokens, replies and the API (ULID)"),
    Column("submitted_at", UtcTime, nullable=False),
    Column("accepted_at", UtcTime, comment="the upstream's 250: the clock of the rules on hits starts here"),
    Column("login", Text, nullable=False, comment="SMTP login; whose mail it is"),
    Column("sender", Text, nullable=False, comment="of the envelope, lower-cased"),
    Column("listener", Text, nullable=False),
    Column("recipients", JSON, nullable=False, comment="addresses of the envelope, in order"),
    Column("recipient_count", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("header_id", Text, nullable=False, comment="Message-ID as written; notices are threaded under it"),
    Column("tags", JSON, nullable=False),
    Column("meta", JSON, nullable=False),
    Column("notes", JSON, nullable=False, comment="what was odd about the request"),
    Column("own_note", Text, nullable=False, server_default="", comment="the sender's own words, from the page"),
    Column("opens", Boolean, nullable=False, comment="a pixel was put in"),
    Column("links", Boolean, nullable=False, comment="links were put through us"),
    Column("individually", Boolean, nullable=False),
    Column("tracked", Boolean, nullable=False, comment="opens or links; what the tracked filter asks"),
    Column(
        "counts_only",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="sent under identity = aggregate: hits leave numbers a day, never rows",
    ),
    Column("reason", String(32), comment="why it was left as it was"),
    Column("notify", Text, nullable=False, server_default=""),
    Column("record_until", UtcTime, comment="recording ends then; links still redirect"),
    Column("stopped_at", UtcTime, comment="recording was stopped; links still redirect"),
    Column("client_network", Text, nullable=False, server_default="", comment="submitted from; emptied after 24 h"),
    Column("state", String(16), nullable=False),
    Column("reply", Text, nullable=False, server_default="", comment="the upstream's final reply"),
    Column("first_opened_at", UtcTime, comment="of confirmed opens"),
    Column("last_opened_at", UtcTime),
    Column("first_clicked_at", UtcTime, comment="of confirmed clicks"),
    Column("last_clicked_at", UtcTime),
    Column("last_hit_at", UtcTime, comment="of any class; what the live list sorts by"),
    *_counts("opens", "clicks"),
    _one_of("state", State),
    CheckConstraint(f"reason IS NULL OR {_is_one_of('reason', Reason)}", name="reason"),
)
# Every list of the page is "newest first, of my own, that …": each filter has an index that ends in seq.
Index("ix_message_login_seq", message.c.login, message.c.seq)
Index("ix_message_sender_seq", message.c.sender, message.c.seq)
Index("ix_message_tracked_seq", message.c.tracked, message.c.seq)
Index("ix_message_state_seq", message.c.state, message.c.seq)
Index("ix_message_submitted_at", message.c.submitted_at)
# Partial on PostgreSQL too: upgrade.py says so where it makes them. Said here, it would load that dialect, 2 MB
# and a twentieth of a second, into every process.
Index("ix_message_opened", message.c.seq, sqlite_where=message.c.first_opened_at.is_not(None))
Index("ix_message_clicked", message.c.seq, sqlite_where=message.c.first_clicked_at.is_not(None))

copy = Table(
    "copy",
    metadata,
    Column("message_seq", Sequence, ForeignKey("message.seq", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False, comment="as in tokens; 0 is the copy all recipients share"),
    Column("address", Text, nullable=False, comment="empty for the shared copy, and after erasure"),
    Column("state", String(16), nullable=False),
    Column("reply", Text, nullable=False, server_default=""),
    Column("accepted_at", UtcTime, comment="the upstream's 250 for this copy"),
    Column("first_opened_at", UtcTime),
    Column("last_opened_at", UtcTime),
    Column("first_clicked_at", UtcTime),
    Column("last_clicked_at", UtcTime),
    *_counts("opens", "clicks"),
    *(
        Column(
            f"tracks_{what}",
            Boolean,
            nullable=False,
            server_default=true(),
            comment=f"false: its recipient allows no tracking of {what}, whatever the message's others allow",
        )
        for what in ("opens", "links")
    ),
    PrimaryKeyConstraint("message_seq", "number"),
    _one_of("state", State),
)

link = Table(
    "link",
    metadata,
    Column("message_seq", Sequence, ForeignKey("message.seq", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False, comment="as in tokens, from 1 in reading order"),
    Column("url", Text, nullable=False, comment="the exact Location for tracked links; as written for others"),
    Column("text", Text, nullable=False, comment="what the recipient reads"),
    Column("name", Text, nullable=False, comment="data-track-name"),
    Column("part", Text, nullable=False, comment="as in IMAP: 1.2"),
    Column("tracked", Boolean, nullable=False),
    Column("reason", String(32), comment="why it was left as it was"),
    Column("first_clicked_at", UtcTime),
    Column("last_clicked_at", UtcTime),
    *_counts("clicks"),
    PrimaryKeyConstraint("message_seq", "number"),
    CheckConstraint(f"reason IS NULL OR {_is_one_of('reason', LinkReason)}", name="reason"),
)

tag = Table(
    "tag",
    metadata,
    Column("word", Text, nullable=False),
    Column("message_seq", Sequence, ForeignKey("message.seq", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("word", "message_seq"),
    comment="messages by tag; message.tags holds the same words for display",
)

# Tags of given messages: for statistics, and for a message that is deleted.
Index("ix_tag_message_seq", tag.c.message_seq)

hit = Table(
    "hit",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True, comment="order of arrival; pages are keyed by it"),
    Column("id", String(26), nullable=False, unique=True, comment="ULID; makes replaying a journal harmless"),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("message_seq", Sequence, ForeignKey("message.seq", ondelete="SET NULL"), comment="NULL: unknown message"),
    Column("copy", Integer, nullable=False),
    Column("link", Integer, nullable=False, comment="0 for an open"),
    Column("method", String(16), nullable=False),
    Column("class", String(20), nullable=False),
    Column("confidence", String(10), nullable=False),
    Column("rule", String(8), nullable=False, comment="docs/classes.md"),
    Column("user_agent", Text, nullable=False, comment="as [privacy] user_agent says"),
    Column("ip", Text, nullable=False, comment="as [privacy] ip_address says"),
    Column("repeats", Integer, nullable=False, server_default=text("1"), comment="hits beyond 60 a minute share a row"),
    Column("counted", Boolean, nullable=False, comment="False: a repeated view, kept but not counted in summaries"),
    Column("facts", JSON(none_as_null=True), comment="minimised facts apart from the verdict, for looking again"),
    _one_of("kind", HitKind),
    _one_of("class", HitClass),
    _one_of("confidence", Confidence),
)
Index("ix_hit_message_seq", hit.c.message_seq, hit.c.seq)
Index("ix_hit_at", hit.c.at)
# For the lists of a class, which would else walk through all hits for one that hardly anybody has. All hits are in it;
# what it is partial for is that SQLite, which has no statistics here, takes it only where a question says the same
# (queries/hits.py): never instead of a message's own.
Index("ix_hit_class_seq", hit.c["class"], hit.c.seq, sqlite_where=hit.c.seq > 0)

hourly = Table(
    "hourly",
    metadata,
    Column("login", Text, nullable=False, comment="whose mail, as in message; empty with sender: everybody's"),
    Column("sender", Text, nullable=False),
    Column("hour", UtcTime, nullable=False, comment="its beginning, in UTC"),
    _count("sent"),
    _count("tracked"),
    *_counts("opens", "clicks"),
    # One person's year lies together, and so does everybody's (a row of its own, so that charts add up no senders).
    PrimaryKeyConstraint("login", "sender", "hour"),
    comment="counts for charts; survives the purge of hits",
    sqlite_with_rowid=False,  # the key is the table: a year's chart is one walk
)

daily = Table(
    "daily",
    metadata,
    Column("message_seq", Sequence, ForeignKey("message.seq", ondelete="CASCADE"), nullable=False),
    Column("day", UtcTime, nullable=False, comment="its beginning, in UTC"),
    Column("kind", String(8), nullable=False),
    Column("link", Integer, nullable=False, comment="0 for an open"),
    Column("class", String(20), nullable=False),
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint("message_seq", "day", "kind", "link", "class"),
    _one_of("kind", HitKind),
    _one_of("class", HitClass),
    comment="counted hits without anybody: of purged hits, and of messages that are counted only",
)

account = Table(
    "account",
    metadata,
    Column("id", Sequence, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False, comment="argon2id"),
    Column("admin", Boolean, nullable=False, server_default=false()),
    Column("created_at", UtcTime, nullable=False),
    Column("preferences", JSON, nullable=False, comment="language, time zone, notifications"),
    Column("seen_hit_seq", Sequence, nullable=False, server_default=text("0"), comment="what the bell has shown"),
)

account_address = Table(
    "account_address",
    metadata,
    Column("account_id", Sequence, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("address", Text, nullable=False, comment="a sender whose mail this account sees, lower-cased"),
    PrimaryKeyConstraint("account_id", "address"),
)

session = Table(
    "session",
    metadata,
    Column("id_hash", LargeBinary(32), primary_key=True, comment="SHA-256 of the cookie; the cookie is not kept"),
    Column("account_id", Sequence, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("client_network", Text, nullable=False, server_default="", comment="for telling own hits"),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Sequence, primary_key=True, autoincrement=True),
    Column("account_id", Sequence, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True, comment="SHA-256; the token is shown once"),
    Column("label", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
)

note = Table(
    "note",
    metadata,
    Column("key", Text, primary_key=True, comment="what installation-wide value this is"),
    Column("value", JSON, nullable=False),
    comment="small values of the installation: set-up secret's hash, alarms, last purge",
)
