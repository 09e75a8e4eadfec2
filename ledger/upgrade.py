"""Brings a database to the shape of ledger/schema.py, by Alembic, inside the caller's one transaction.

A process killed on the way leaves the old shape or the new one. Reads the version with plain SQL first, since Alembic
takes a third of a second to import and almost every start finds nothing to do.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ledger.faults import SchemaTooNew
from ledger.migrations import HEAD


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
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
    return True
