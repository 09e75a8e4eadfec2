"""CHECKs on words compare instead of looking them up, in the tables that are written for every message and hit.

SQLite makes a table of its own for ``IN`` with more than two words, and in a trigger makes it anew for every row: that
was a fifth of what storing a hit takes. Rows stay as they are, and each check says what it said, so its text is changed
where it stands (sqlite.org/lang_altertable.html, section 7). PostgreSQL does not mind.
"""

from __future__ import annotations

import re
import sqlite3

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TABLES = ("message", "copy", "link", "hit", "daily")
_LISTED = re.compile(r"(\w+) IN \(('[^()]*')\)")


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    try:
        for table in _TABLES:
            _compare_words(connection, table)
        connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    except sa.exc.DatabaseError as fault:
        # A library built to forbid it leaves the checks as they were, which are slower and no less right.
        if getattr(fault.orig, "sqlite_errorcode", None) not in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH):
            raise
    finally:
        connection.exec_driver_sql("PRAGMA writable_schema = RESET")  # and reads the schema anew


def _compare_words(connection: sa.Connection, table: str) -> None:
    (sql,) = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
    ).one()
    compared = _LISTED.sub(lambda found: " OR ".join(f"{found[1]} = {word}" for word in found[2].split(", ")), sql)
    connection.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (compared, table))
