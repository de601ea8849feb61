"""The epoch under which a profile was last saved: 0, which says nothing, for those that there are.

MySQL commits at the ALTER, so a run that was cut must be able to go on. An older version that still runs leaves the
column as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = sa.inspect(op.get_bind()).get_columns("profile")
    if not any(column["name"] == "saved_epoch" for column in columns):
        op.add_column("profile", sa.Column("saved_epoch", sa.BigInteger, nullable=False, server_default="0"))
