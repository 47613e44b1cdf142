"""What users are told of failed operations, and offers to hand a volume over.

Going up only adds tables, so the service may be up. Going down forgets both:
volumes that were on offer wait until their status is reset.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ID = sa.String(36)
NAME = sa.String(255)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "messages",
        sa.Column("id", ID, primary_key=True),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("resource_type", sa.String(64), nullable=False),
        sa.Column("resource_uuid", ID, nullable=False),
        sa.Column("event_id", NAME, nullable=False),
        sa.Column("message_level", sa.String(32), nullable=False),
        sa.Column("user_message", sa.Text(), nullable=False),
        sa.Column("flow_id", ID, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("guaranteed_until", sa.DateTime(), nullable=False, index=True),
    )
    op.create_index("ix_messages_project_id_created_at", "messages", ["project_id", "created_at"])
    op.create_index("ix_messages_resource_uuid", "messages", ["resource_uuid"])
    op.create_table(
        "transfers",
        sa.Column("id", ID, primary_key=True),
        sa.Column("volume_id", ID, sa.ForeignKey("volumes.id"), nullable=False, index=True),
        sa.Column("name", NAME),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("destination_project_id", NAME),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("key_hash", sa.String(128), nullable=False),
        sa.Column("no_snapshots", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime()),
        sa.Column("deleted_at", sa.DateTime()),
        sa.Column("deleted", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_transfers_project_id_deleted", "transfers", ["project_id", "deleted"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("transfers")
    op.drop_table("messages")
