"""Execution of statements that are built once.

Building a statement and loading objects by the ORM cost several times what the statement itself
costs. So what every operation executes is built at import, with parameters, and returns rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Table, Update, bindparam, update
from sqlalchemy.orm import Session


def execute(session: Session, statement: Executable, **parameters: object) -> CursorResult[Any]:
    """Execute a statement in a session's transaction, after what the session has to write."""
    return flushed_connection(session).execute(statement, parameters)


def execute_many(session: Session, statement: Executable, rows: Sequence[Mapping[str, object]]) -> None:
    """Execute a statement once for each row of parameters. All rows have the same ones."""
    flushed_connection(session).execute(statement, rows)


def flushed_connection(session: Session) -> Connection:
    """Return the connection of a session's transaction, after what the session has to write."""
    session.flush()
    return session.connection()


class PreparedUpdate:
    """An update of the rows that meet conditions; its statement is built once for each set of columns."""

    def __init__(self, table: Table, *conditions: Any) -> None:
        self._table = table
        self._conditions = conditions
        self._statements: dict[tuple[str, ...], Update] = {}

    def execute(self, connection: Connection, columns: Mapping[str, object], **parameters: object) -> int:
        """Set columns; return the number of rows. ``parameters`` are those of the conditions."""
        names = tuple(columns)
        if names not in self._statements:
            values = {name: bindparam(f"new_{name}", type_=self._table.c[name].type) for name in names}
            self._statements[names] = update(self._table).where(*self._conditions).values(values)
        new = {f"new_{name}": value for name, value in columns.items()}
        return connection.execute(self._statements[names], {**new, **parameters}).rowcount
