"""An index of hits by class, for their lists: ledger/schema.py says why it is partial."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_index(
        "ix_hit_class_seq",
        "hit",
        ["class", "seq"],
        unique=False,
        if_not_exists=True,
        postgresql_where=sa.text("seq > 0"),
        sqlite_where=sa.text("seq > 0"),
    )
