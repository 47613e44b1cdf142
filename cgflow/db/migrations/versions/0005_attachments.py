"""Attachments: who uses which volume.

Going up only adds a table, so the service may be up. Going down forgets who
uses what: volumes that are in use stay so until their status is reset.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.String(36)
NAME = sa.String(255)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "attachments",
        sa.Column("id", ID, primary_key=True),
        sa.Column("volume_id", ID, sa.ForeignKey("volumes.id"), nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("instance_id", NAME),
        sa.Column("host_name", NAME),
        sa.Column("mountpoint", NAME),
        sa.Column("mode", sa.String(2), nullable=False),
        sa.Column("connector", sa.JSON()),
        sa.Column("connection_info", sa.JSON()),
        sa.Column("attached_at", sa.DateTime()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime()),
        sa.Column("deleted_at", sa.DateTime()),
        sa.Column("deleted", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_attachments_volume_id_deleted", "attachments", ["volume_id", "deleted"])
    op.create_index(
        "ix_attachments_project_id_deleted_created_at", "attachments", ["project_id", "deleted", "created_at"]
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("attachments")
