"""What is tracked of each copy: less than of its message, where its recipient allows less.

Some ledgers were made with these columns before the version of the ledger said so; they have them already.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("copy")}
    for name, what in (("tracks_opens", "opens"), ("tracks_links", "links")):
        if name in known:
            continue
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
