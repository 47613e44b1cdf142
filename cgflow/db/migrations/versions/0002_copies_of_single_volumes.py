"""Copies of single volumes, and volumes that are made from a copy or from another volume.

While it runs the service has to be stopped, for tables are rewritten. Going
down refuses while copies of single volumes are recorded: they have no place in
the older schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(36)

CGSNAPSHOT_COLUMNS = ("cgsnapshot_id", "consistencygroup_id")
SOURCE_COLUMNS = ("snapshot_id", "source_volid")


def upgrade() -> None:
    """A copy need not be one of a cgsnapshot; a volume tells what it was made from."""
    _require("snapshots", CGSNAPSHOT_COLUMNS, nullable=True)
    with op.batch_alter_table("volumes") as volumes:
        for name in SOURCE_COLUMNS:
            volumes.add_column(sa.Column(name, ID))


def downgrade() -> None:
    """Every copy is one of a cgsnapshot again."""
    with op.batch_alter_table("volumes") as volumes:
        for name in SOURCE_COLUMNS:
            volumes.drop_column(name)
    _require("snapshots", CGSNAPSHOT_COLUMNS, nullable=False)


def _require(table: str, columns: tuple[str, ...], *, nullable: bool) -> None:
    with op.batch_alter_table(table) as changed:
        for name in columns:
            changed.alter_column(name, existing_type=ID, nullable=nullable)
