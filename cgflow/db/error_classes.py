"""Classes of database errors that are worth another attempt.

An unavailable database may answer later: the server is down or starting, a
connection broke, a lock is held too long, there is no room or no connection
left. An error in a statement or its values stays an error.
"""

from __future__ import annotations

from sqlalchemy import exc


def is_unavailable(error: BaseException) -> bool:
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


def is_serialization_failure(error: BaseException) -> bool:
    """Return whether a transaction failed because others changed what it had read: it may be made again."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _SERIALIZATION_FAILURES


# Serialization failure, and deadlock.
_SERIALIZATION_FAILURES = frozenset({"40001", "40P01"})
