"""How large kept answers are, so that a project keeps no more than is agreed; ended attachments go.

The column may be null and the index serves counting alone, so the service may be up. The rows of
attachments that ended are deleted, with what their clients told of themselves; going down does not
bring them back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEX = "ix_idempotency_keys_project_id_created_at_size"


def upgrade() -> None:
    """Add the column and its index, and delete what nobody reads."""
    op.add_column("idempotency_keys", sa.Column("size", sa.Integer()))
    op.create_index(_INDEX, "idempotency_keys", ["project_id", "created_at", "size"])
    op.execute("DELETE FROM attachments WHERE deleted")


def downgrade() -> None:
    """Remove the column and its index."""
    op.drop_index(_INDEX, "idempotency_keys")
    op.drop_column("idempotency_keys", "size")
