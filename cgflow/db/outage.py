"""Tells a database that is away, for now, from one that refuses what it was asked.

What is away may be asked again later: the server is down or starting, a
connection broke, a lock is held too long, there is no room or no connection
left. What is wrong with a statement or its values stays wrong.
"""

from __future__ import annotations

from sqlalchemy import exc


def is_away(error: BaseException) -> bool:
    """Return whether this is the failure of a database that may answer later.

    A commit that fails so may have been made: only its answer was lost.
    """
    if isinstance(error, exc.TimeoutError):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    # SQLite's plain "error" is about the statement: a table that is missing, a syntax that is wrong.
    return (
        isinstance(error, exc.OperationalError)
        and getattr(error.orig, "sqlite_errorname", None) != "SQLITE_ERROR"
    )
