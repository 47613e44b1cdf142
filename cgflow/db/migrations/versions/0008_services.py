"""When the parts of the service last reported, and which backends take nothing new.

Going up only adds a table and columns that may be null, so the service may be
up. Going down enables every backend again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAME = sa.String(255)


def upgrade() -> None:
    """Create the table and add the columns."""
    op.create_table(
        "services",
        sa.Column("binary", sa.String(64), primary_key=True),
        sa.Column("host", NAME, primary_key=True),
        sa.Column("availability_zone", NAME, nullable=False),
        sa.Column("reported_at", sa.DateTime(), nullable=False),
    )
    op.add_column("backends", sa.Column("disabled_at", sa.DateTime()))
    op.add_column("backends", sa.Column("disabled_reason", NAME))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("backends", "disabled_reason")
    op.drop_column("backends", "disabled_at")
    op.drop_table("services")
