"""Quota of volume types with long names: the column has room for the word before the name.

Going up only widens columns, so the service may be up. Going down refuses rows
that are wider than the columns were, on databases that look.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLES = ("quotas", "quota_classes", "quota_usages", "reservations")
_NARROW, _WIDE = sa.String(255), sa.String(300)


def upgrade() -> None:
    """Widen the columns."""
    _change(_NARROW, _WIDE)


def downgrade() -> None:
    """Make them as they were."""
    _change(_WIDE, _NARROW)


def _change(before: sa.String, after: sa.String) -> None:
    # SQLite looks at no widths, and would have to copy the tables.
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in _TABLES:
        op.alter_column(table, "resource", existing_type=before, type_=after, existing_nullable=False)
