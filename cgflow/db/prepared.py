"""Execution of statements that are built once.

Building a statement and loading objects by the ORM cost several times what the statement itself
costs. So what every operation executes is built at import, with parameters, and returns rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.orm import Session


def execute(session: Session, statement: Executable, **parameters: object) -> CursorResult[Any]:
    """Execute a statement in a session's transaction, after what the session has to write."""
    session.flush()
    return session.connection().execute(statement, parameters)


def execute_many(session: Session, statement: Executable, rows: Sequence[Mapping[str, object]]) -> None:
    """Execute a statement once for each row of parameters. All rows have the same ones."""
    session.flush()
    session.connection().execute(statement, rows)
