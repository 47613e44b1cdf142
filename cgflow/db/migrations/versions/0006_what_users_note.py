"""What users note of volumes and snapshots: bootable, read-only, image and snapshot metadata.

Going up only adds columns that may be null, so the service may be up. Going
down forgets what was noted.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = (
    ("volumes", "bootable", sa.Boolean()),
    ("volumes", "readonly", sa.Boolean()),
    ("volumes", "image_metadata", sa.JSON()),
    ("snapshots", "snapshot_metadata", sa.JSON()),
)


def upgrade() -> None:
    """Add the columns."""
    for table, name, kind in COLUMNS:
        op.add_column(table, sa.Column(name, kind))


def downgrade() -> None:
    """Drop them."""
    for table, name, _ in reversed(COLUMNS):
        op.drop_column(table, name)
