"""Lists of flows by the type of the resource, and by operation and state, are read off an index.

Going down drops the indexes and loses nothing. With an embedded database the service has to be stopped; on a
server it may be up, and its writes to flows wait for each index.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEXES = (
    ("resource_type",),
    ("operation", "state"),
    ("project_id", "resource_type"),
    ("project_id", "operation", "state"),
)


def upgrade() -> None:
    """Create them."""
    for columns in INDEXES:
        op.create_index(_name(columns), "flows", [*columns, "created_at", "id"])


def downgrade() -> None:
    """Drop them."""
    for columns in INDEXES:
        op.drop_index(_name(columns), "flows")


def _name(columns: tuple[str, ...]) -> str:
    return "_".join(["ix_flows", *columns, "created_at_id"])
