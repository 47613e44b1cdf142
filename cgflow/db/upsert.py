"""Insert rows where some of them may be there already, in one statement, on every database we serve.

The one place that knows how each dialect spells it. Rows are inserted in the
order given: callers that can meet each other sort them, so that they wait for
each other and never in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from cgflow.db.models.base import Base
from cgflow.errors import ConfigError

Row = Mapping[str, Any]


def insert_missing(session: Session, model: type[Base], rows: Sequence[Row]) -> int:
    """Insert the rows whose primary key is not there yet, and leave the others; return how many were."""
    if not rows:
        return 0
    statement = _insert(session, model, rows).on_conflict_do_nothing()
    # Not every driver counts rows where some are left; all say which were inserted.
    return len(session.execute(statement.returning(*inspect(model).primary_key)).all())


def insert_or_update(session: Session, model: type[Base], rows: Sequence[Row]) -> None:
    """Insert the rows; of those that are there, overwrite every column given. All name the same columns.

    Objects of these rows that the session has loaded before keep the old values.
    """
    if not rows:
        return
    key = [column.name for column in inspect(model).primary_key]
    statement = _insert(session, model, rows)
    changes = {name: statement.excluded[name] for name in rows[0] if name not in key}
    session.execute(statement.on_conflict_do_update(index_elements=key, set_=changes))


def _insert(session: Session, model: type[Base], rows: Sequence[Row]) -> sqlite.Insert | postgresql.Insert:
    dialect = session.get_bind().dialect.name
    values = [dict(row) for row in rows]
    if dialect == "sqlite":
        return sqlite.insert(model).values(values)
    if dialect == "postgresql":
        return postgresql.insert(model).values(values)
    raise ConfigError(f"cgflow cannot keep its state in {dialect}: use a sqlite or a postgresql URL.")
