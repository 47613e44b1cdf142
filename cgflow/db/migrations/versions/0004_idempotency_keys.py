"""Idempotency keys and the answers kept under them.

Nothing is changed that an earlier cgflow knows, so the service may be up. Going
down forgets the keys: a request that is repeated afterwards is done once more.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLE = "idempotency_keys"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        TABLE,
        sa.Column("project_id", sa.String(255), primary_key=True),
        sa.Column("user_id", sa.String(255), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", sa.JSON()),
        sa.Column("body", sa.Text()),
    )
    op.create_index(f"ix_{TABLE}_created_at", TABLE, ["created_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table(TABLE)
