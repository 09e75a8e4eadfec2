"""Brings a database to the shape of ledger/schema.py, inside the caller's one transaction.

A database without tables is made from the schema; an older one is migrated by Alembic. A process killed on the way
leaves the old shape or the new one. Alembic is imported only where there is something to migrate: it takes a third of
a second and 12 MB, and almost every start finds nothing to do. A test compares both ways of getting there.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ledger import consent_schema, notice_schema
from ledger.faults import SchemaTooNew
from ledger.migrations import HEAD
from ledger.schema import metadata

_DECLARED = (consent_schema.audit, notice_schema.notice)  # tables are declared by importing their modules


def version_of(connection: Connection) -> str | None:
    """The version the database says it has; None for one without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if version is None else str(version)


def upgrade(connection: Connection) -> bool:
    """Whether something had to be done. Raises SchemaTooNew when a later mailglass was here."""
    version = version_of(connection)
    if version == HEAD:
        return False
    if version is not None and version > HEAD:
        raise SchemaTooNew(f"the ledger has schema {version}; this mailglass knows {HEAD}")
    if version is None and not inspect(connection).get_table_names():
        create(connection)
    else:
        migrate(connection)
    return True


def create(connection: Connection) -> None:
    """All tables of the schema, the index of words, and the version, in a database that has none."""
    if connection.dialect.name == "postgresql":
        _make_indexes_partial_there_too()
    metadata.create_all(connection)
    if connection.dialect.name == "sqlite":
        # Contentless: the words stand in message already. prefix: people type the beginning of a word.
        connection.execute(
            text("CREATE VIRTUAL TABLE message_words USING fts5(words, content='', prefix='2 3', tokenize='unicode61')")
        )
    else:
        connection.execute(text("CREATE TABLE message_words (rowid BIGINT PRIMARY KEY, words TEXT NOT NULL)"))
        connection.execute(
            text("CREATE INDEX ix_message_words ON message_words USING gin (to_tsvector('simple', words))")
        )
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})


def _make_indexes_partial_there_too() -> None:
    for table in metadata.tables.values():
        for index in table.indexes:
            where = index.dialect_options["sqlite"]["where"]
            if where is not None:
                index.dialect_kwargs["postgresql_where"] = where


def migrate(connection: Connection, to: str = "head") -> None:
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, to)
