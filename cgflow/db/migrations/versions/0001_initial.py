"""The first schema: everything, with TaskFlow's own tables and the default quota class.

There is nothing to be up before it. Going down removes every table with its
contents, so the service has to be stopped, and what the backends hold is then
known to nobody.

Names of constraints and indexes follow the convention of the models' metadata.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(36)
NAME = sa.String(255)
STATE = sa.String(32)

# As TaskFlow declares it: a JSON column where there is one, text elsewhere.
TASKFLOW_JSON = sa.UnicodeText().with_variant(postgresql.JSON(), "postgresql")

DEFAULT_LIMITS = {"consistencygroups": 10, "volumes": 10, "snapshots": 10, "gigabytes": 1000}

FLOWS_LISTED_BY = (
    (),
    ("state",),
    ("operation",),
    ("resource_id",),
    ("group_id",),
    ("project_id",),
    ("project_id", "state"),
    ("project_id", "operation"),
)

# Each after those that refer to it.
TABLES = (
    "snapshots",
    "volumes",
    "cgsnapshots",
    "consistencygroup_volume_types",
    "consistencygroups",
    "volume_type_extra_specs",
    "volume_types",
    "reservations",
    "quota_usages",
    "quota_classes",
    "quotas",
    "flow_events",
    "flows",
    "atomdetails",
    "flowdetails",
    "logbooks",
    "backends",
)


def upgrade() -> None:
    """Create the tables and give the default quota class its limits."""
    _backends()
    _taskflow()
    _flows()
    _quota()
    _volume_types()
    _consistencygroups()
    _members()
    _seed()


def downgrade() -> None:
    """Drop every table."""
    for table in TABLES:
        op.drop_table(table)
    for enum in ("atom_types", "intentions"):
        # Only PostgreSQL keeps them outside of their table.
        sa.Enum(name=enum).drop(op.get_bind(), checkfirst=True)


def _backends() -> None:
    op.create_table(
        "backends",
        sa.Column("name", NAME, primary_key=True),
        sa.Column("availability_zone", NAME, nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("reported_at", sa.DateTime(), nullable=False),
        sa.Column("is_up", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text()),
    )


def _taskflow() -> None:
    op.create_table(
        "logbooks",
        sa.Column("created_at", sa.DateTime()),
        sa.Column("updated_at", sa.DateTime()),
        sa.Column("meta", TASKFLOW_JSON),
        sa.Column("name", NAME),
        sa.Column("uuid", sa.String(64), primary_key=True, unique=True),
    )
    op.create_table(
        "flowdetails",
        sa.Column("created_at", sa.DateTime()),
        sa.Column("updated_at", sa.DateTime()),
        sa.Column("parent_uuid", sa.String(64), sa.ForeignKey("logbooks.uuid", ondelete="CASCADE")),
        sa.Column("meta", TASKFLOW_JSON),
        sa.Column("name", NAME),
        sa.Column("state", NAME),
        sa.Column("uuid", sa.String(64), primary_key=True, unique=True),
    )
    op.create_table(
        "atomdetails",
        sa.Column("created_at", sa.DateTime()),
        sa.Column("updated_at", sa.DateTime()),
        sa.Column("meta", TASKFLOW_JSON),
        sa.Column("parent_uuid", sa.String(64), sa.ForeignKey("flowdetails.uuid", ondelete="CASCADE")),
        sa.Column("name", NAME),
        sa.Column("version", sa.String(64)),
        sa.Column("state", NAME),
        sa.Column("uuid", sa.String(64), primary_key=True, unique=True),
        sa.Column("failure", TASKFLOW_JSON),
        sa.Column("results", TASKFLOW_JSON),
        sa.Column("revert_results", TASKFLOW_JSON),
        sa.Column("revert_failure", TASKFLOW_JSON),
        sa.Column("atom_type", sa.Enum("RETRY_DETAIL", "TASK_DETAIL", name="atom_types")),
        sa.Column("intention", sa.Enum("EXECUTE", "IGNORE", "REVERT", "RETRY", name="intentions")),
    )
    # TaskFlow has none: without them, loading one flow scans the atoms of all.
    op.create_index("ix_flowdetails_parent_uuid", "flowdetails", ["parent_uuid"])
    op.create_index("ix_atomdetails_parent_uuid", "atomdetails", ["parent_uuid"])


def _flows() -> None:
    op.create_table(
        "flows",
        sa.Column("id", ID, primary_key=True),
        sa.Column("operation", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("state", STATE, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("resource_type", sa.String(64), nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("group_id", ID),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("conductor", NAME),
        sa.Column("reason", sa.Text()),
        sa.Column("cancel_reason", sa.Text()),
        sa.Column("undo_attempts", sa.Integer(), nullable=False),
        sa.Column("undo_at", sa.DateTime()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("leftovers", sa.JSON()),
        sa.Column("shape", sa.JSON(), nullable=False),
        sa.Column("symbols", sa.JSON(), nullable=False),
    )
    for columns in FLOWS_LISTED_BY:
        op.create_index(
            "_".join(["ix_flows", *columns, "created_at_id"]), "flows", [*columns, "created_at", "id"]
        )
    op.create_index("ix_flows_state_undo_at", "flows", ["state", "undo_at"])
    op.create_index("ix_flows_ended_at_id", "flows", ["ended_at", "id"])
    op.create_table(
        "flow_events",
        sa.Column("flow_id", ID, sa.ForeignKey("flows.id"), primary_key=True),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("atom", NAME),
        sa.Column("from_state", STATE),
        sa.Column("to_state", STATE, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Double()),
        sa.Column("conductor", NAME),
        sa.Column("detail", sa.JSON()),
    )


def _quota() -> None:
    for table, owner in (("quotas", "project_id"), ("quota_classes", "class_name")):
        op.create_table(
            table,
            sa.Column(owner, NAME, primary_key=True),
            sa.Column("resource", NAME, primary_key=True),
            sa.Column("hard_limit", sa.Integer(), nullable=False),
        )
    op.create_table(
        "quota_usages",
        sa.Column("project_id", NAME, primary_key=True),
        sa.Column("resource", NAME, primary_key=True),
        sa.Column("in_use", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
    )
    op.create_table(
        "reservations",
        sa.Column("id", ID, sa.ForeignKey("flows.id"), primary_key=True),
        sa.Column("resource", NAME, primary_key=True),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
    )
    op.create_index("ix_reservations_state_expires_at", "reservations", ["state", "expires_at"])


def _volume_types() -> None:
    op.create_table(
        "volume_types",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", NAME, nullable=False),
        sa.Column("description", NAME),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        *_soft_delete(),
    )
    op.create_index(
        "uq_volume_types_name",
        "volume_types",
        ["name"],
        unique=True,
        sqlite_where=sa.text("deleted = 0"),
        postgresql_where=sa.text("NOT deleted"),
    )
    op.create_table(
        "volume_type_extra_specs",
        sa.Column("volume_type_id", ID, sa.ForeignKey("volume_types.id"), primary_key=True),
        sa.Column("key", NAME, primary_key=True),
        sa.Column("value", NAME, nullable=False),
    )


def _consistencygroups() -> None:
    _resource(
        "consistencygroups",
        sa.Column("availability_zone", NAME, nullable=False),
        sa.Column("host", NAME),
    )
    op.create_table(
        "consistencygroup_volume_types",
        sa.Column("consistencygroup_id", ID, sa.ForeignKey("consistencygroups.id"), primary_key=True),
        sa.Column("volume_type_id", ID, sa.ForeignKey("volume_types.id"), primary_key=True, index=True),
        sa.Column("position", sa.Integer(), nullable=False),
    )
    _resource(
        "cgsnapshots",
        sa.Column(
            "consistencygroup_id", ID, sa.ForeignKey("consistencygroups.id"), nullable=False, index=True
        ),
        sa.Column("evidence", sa.JSON()),
    )


def _members() -> None:
    _resource(
        "volumes",
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("availability_zone", NAME, nullable=False),
        sa.Column("host", NAME),
        sa.Column("volume_type_id", ID, sa.ForeignKey("volume_types.id"), index=True),
        sa.Column("consistencygroup_id", ID, sa.ForeignKey("consistencygroups.id"), index=True),
        sa.Column("volume_metadata", sa.JSON(), nullable=False),
    )
    _resource(
        "snapshots",
        sa.Column("volume_id", ID, sa.ForeignKey("volumes.id"), nullable=False, index=True),
        sa.Column("cgsnapshot_id", ID, sa.ForeignKey("cgsnapshots.id"), nullable=False, index=True),
        sa.Column("consistencygroup_id", ID, sa.ForeignKey("consistencygroups.id"), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("progress", sa.String(8), nullable=False),
        sa.Column("volume_type_id", ID, sa.ForeignKey("volume_types.id")),
    )


def _resource(table: str, *columns: sa.Column[object]) -> None:
    """Create the table of something that operations act on: its own columns, then those of all."""
    op.create_table(
        table,
        *columns,
        sa.Column("id", ID, primary_key=True),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("name", NAME),
        sa.Column("description", NAME),
        sa.Column("status", STATE, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("claimed_by", ID, sa.ForeignKey("flows.id"), index=True),
        sa.Column("flow_id", ID, sa.ForeignKey("flows.id"), index=True),
        sa.Column("consumes_quota", sa.Boolean(), nullable=False),
        *_soft_delete(),
    )
    op.create_index(
        f"ix_{table}_project_id_deleted_created_at", table, ["project_id", "deleted", "created_at"]
    )


def _soft_delete() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime()),
        sa.Column("deleted_at", sa.DateTime()),
        sa.Column("deleted", sa.Boolean(), nullable=False),
    )


def _seed() -> None:
    names = ("class_name", "resource", "hard_limit")
    rows = [("default", resource, limit) for resource, limit in DEFAULT_LIMITS.items()]
    table = sa.table("quota_classes", *(sa.column(name) for name in names))
    op.bulk_insert(table, [dict(zip(names, row, strict=True)) for row in rows])
