"""Who may use private volume types, and the QoS specs that types carry.

Going up only adds tables, so the service may be up. Going down forgets both:
private types are then for administrators alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.String(36)
NAME = sa.String(255)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "volume_type_projects",
        sa.Column("volume_type_id", ID, sa.ForeignKey("volume_types.id"), primary_key=True),
        sa.Column("project_id", NAME, primary_key=True),
    )
    op.create_table(
        "qos_specs",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", NAME, nullable=False),
        sa.Column("consumer", sa.String(16), nullable=False),
        sa.Column("specs", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime()),
        sa.Column("deleted_at", sa.DateTime()),
        sa.Column("deleted", sa.Boolean(), nullable=False),
    )
    op.create_index(
        "uq_qos_specs_name",
        "qos_specs",
        ["name"],
        unique=True,
        sqlite_where=sa.text("deleted = 0"),
        postgresql_where=sa.text("NOT deleted"),
    )
    op.create_table(
        "qos_associations",
        sa.Column("volume_type_id", ID, sa.ForeignKey("volume_types.id"), primary_key=True),
        sa.Column("qos_specs_id", ID, sa.ForeignKey("qos_specs.id"), nullable=False, index=True),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("qos_associations", "qos_specs", "volume_type_projects"):
        op.drop_table(table)
