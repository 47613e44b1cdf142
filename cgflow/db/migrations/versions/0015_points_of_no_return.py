"""Each flow records when it passed its point of no return.

It can run while the service is up. A flow of an earlier release that has passed it and has not
ended is recognised by the rows that it committed, when a conductor takes it up.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty for every flow so far."""
    op.add_column("flows", sa.Column("committed_at", sa.DateTime()))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("flows", "committed_at")
