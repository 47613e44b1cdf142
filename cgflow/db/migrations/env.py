"""Alembic's entry: run the revisions on the connection that ``cgflow.db.upgrade`` has opened."""

from __future__ import annotations

from alembic import context

from cgflow.db.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite changes a table by copying it.
    render_as_batch=True,
)
context.run_migrations()
