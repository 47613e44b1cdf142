"""What the policy was asked before an answer was given that is kept under an idempotency key.

It can run while the service is up. Answers that were kept before are repeated without asking; they are
forgotten within a day.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("idempotency_keys", sa.Column("asked", sa.JSON()))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("idempotency_keys", "asked")
