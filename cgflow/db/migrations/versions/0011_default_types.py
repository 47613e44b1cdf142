"""The volume types that projects take when they name none.

Going up only adds a table, so the service may be up. Going down forgets them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "default_types",
        sa.Column("project_id", sa.String(255), primary_key=True),
        sa.Column(
            "volume_type_id", sa.String(36), sa.ForeignKey("volume_types.id"), nullable=False, index=True
        ),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("default_types")
