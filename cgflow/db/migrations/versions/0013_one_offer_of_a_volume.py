"""Of each volume one offer stands at most.

It can run while the service is up. Where several stand, all but the newest end: it is that one
which the volume waits for.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cgflow import clock

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEX = "uq_transfers_volume_id"


def upgrade() -> None:
    """End what stands beside a newer offer, and keep it from happening again."""
    transfers = sa.table(
        "transfers",
        sa.column("id", sa.String(36)),
        sa.column("volume_id", sa.String(36)),
        sa.column("created_at", sa.DateTime()),
        sa.column("deleted", sa.Boolean()),
        sa.column("deleted_at", sa.DateTime()),
    )
    newer = transfers.alias("newer")
    is_newer = sa.tuple_(newer.c.created_at, newer.c.id) > sa.tuple_(transfers.c.created_at, transfers.c.id)
    beside = sa.exists().where(newer.c.volume_id == transfers.c.volume_id, ~newer.c.deleted, is_newer)
    op.execute(
        transfers.update().where(~transfers.c.deleted, beside).values(deleted=True, deleted_at=clock.now())
    )
    op.create_index(
        INDEX,
        "transfers",
        ["volume_id"],
        unique=True,
        sqlite_where=sa.text("deleted = 0"),
        postgresql_where=sa.text("NOT deleted"),
    )


def downgrade() -> None:
    """Let several stand again."""
    op.drop_index(INDEX, "transfers")
