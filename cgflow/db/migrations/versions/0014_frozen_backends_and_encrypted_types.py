"""Which backends are frozen, and which volume types are to be encrypted.

Going up only adds a table and a column that may be null, so the service may be
up. Going down thaws every backend and forgets how types are to be encrypted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and add the column."""
    op.create_table(
        "volume_type_encryptions",
        sa.Column("volume_type_id", sa.String(36), sa.ForeignKey("volume_types.id"), primary_key=True),
        sa.Column("encryption_id", sa.String(36), nullable=False),
        sa.Column("provider", sa.String(255), nullable=False),
        sa.Column("control_location", sa.String(255), nullable=False),
        sa.Column("cipher", sa.String(255)),
        sa.Column("key_size", sa.Integer()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime()),
    )
    op.add_column("backends", sa.Column("frozen_at", sa.DateTime()))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("backends", "frozen_at")
    op.drop_table("volume_type_encryptions")
