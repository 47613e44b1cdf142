"""Group types, and groups that tell their type and what they were made from.

It can run while the service is up: columns are only added, and what was there
before is given the built-in type. Going down takes the group types with it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cgflow import clock

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.String(36)
NAME = sa.String(255)

GROUP_COLUMNS = ("group_type_id", "cgsnapshot_id", "source_cgid")
BUILT_IN = "3f1f7a52-5f0c-4d3b-9f0e-6d2b8c4a7e11"


def upgrade() -> None:
    """Add the tables with the built-in type, and the columns."""
    types = op.create_table(
        "group_types",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", NAME, nullable=False),
        sa.Column("description", NAME),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime()),
        sa.Column("deleted_at", sa.DateTime()),
        sa.Column("deleted", sa.Boolean(), nullable=False),
    )
    op.create_index(
        "uq_group_types_name",
        "group_types",
        ["name"],
        unique=True,
        sqlite_where=sa.text("deleted = 0"),
        postgresql_where=sa.text("NOT deleted"),
    )
    specs = op.create_table(
        "group_type_specs",
        sa.Column("group_type_id", ID, sa.ForeignKey("group_types.id"), primary_key=True),
        sa.Column("key", NAME, primary_key=True),
        sa.Column("value", NAME, nullable=False),
    )
    op.bulk_insert(
        types,
        [
            {
                "id": BUILT_IN,
                "name": "default_cgsnapshot_type",
                "description": "Default group type for migrating cgsnapshot",
                "is_public": True,
                "created_at": clock.now(),
                "deleted": False,
            }
        ],
    )
    spec = {"group_type_id": BUILT_IN, "key": "consistent_group_snapshot_enabled", "value": "<is> True"}
    op.bulk_insert(specs, [spec])
    for name in GROUP_COLUMNS:
        op.add_column("consistencygroups", sa.Column(name, ID))
    groups = sa.table("consistencygroups", sa.column("group_type_id"))
    op.execute(groups.update().values(group_type_id=BUILT_IN))


def downgrade() -> None:
    """Remove the columns and the tables."""
    for name in GROUP_COLUMNS:
        op.drop_column("consistencygroups", name)
    op.drop_table("group_type_specs")
    op.drop_table("group_types")
