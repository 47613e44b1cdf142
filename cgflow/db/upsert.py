"""Inserts of rows of which some may exist, in one statement, for SQLite and PostgreSQL.

Rows are inserted in the order given. Concurrent callers sort their rows, so that they cannot
deadlock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from cgflow.db.models.base import Base
from cgflow.db.prepared_statements import execute_many
from cgflow.errors import ConfigError

Row = Mapping[str, Any]
Insert = sqlite.Insert | postgresql.Insert


def insert_missing(session: Session, model: type[Base], rows: Sequence[Row]) -> int:
    """Insert the rows whose primary key does not exist, ignore the others, and return the number inserted."""
    if not rows:
        return 0
    statement = _insert_rows_statement(session, model, rows).on_conflict_do_nothing()
    # Not every driver counts the rows if some are ignored; all return the inserted ones.
    return len(session.execute(statement.returning(*inspect(model).primary_key)).all())


def insert_or_update(session: Session, model: type[Base], rows: Sequence[Row]) -> None:
    """Insert the rows; overwrite every given column of those that exist. All rows have the same columns.

    Objects of these rows that the session has already loaded keep the old values.
    """
    if not rows:
        return
    table = Base.metadata.tables[model.__tablename__]
    fixed = frozenset(column.name for column in table.columns if column.name not in rows[0])
    execute_many(session, insert_or_update_statement(session.get_bind().dialect.name, table, fixed), rows)


@cache
def insert_or_update_statement(dialect: str, table: Table, fixed: frozenset[str]) -> Insert:
    """Return a statement to execute with rows; it overwrites all columns but ``fixed`` of those that exist.

    The statement is cached, because building it costs as much as sending it.
    """
    statement = _insert_for_dialect(dialect, table)
    key = [column.name for column in table.primary_key]
    changes = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in fixed.union(key)}
    return statement.on_conflict_do_update(index_elements=key, set_=changes)


def _insert_rows_statement(session: Session, model: type[Base], rows: Sequence[Row]) -> Insert:
    return _insert_for_dialect(session.get_bind().dialect.name, model).values([dict(row) for row in rows])


def _insert_for_dialect(dialect: str, table: Table | type[Base]) -> Insert:
    if dialect == "sqlite":
        return sqlite.insert(table)
    if dialect == "postgresql":
        return postgresql.insert(table)
    raise ConfigError(f"cgflow cannot keep its state in {dialect}: use a sqlite or a postgresql URL.")
