"""What is tracked of each copy: less than of its message, where its recipient allows less."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name, what in (("tracks_opens", "opens"), ("tracks_links", "links")):
        op.add_column(
            "copy",
            sa.Column(
                name,
                sa.Boolean(),
                server_default=sa.true(),
                nullable=False,
                comment=f"false: its recipient allows no tracking of {what}, whatever the message's others allow",
            ),
        )
