"""Classes of database errors that are worth a retry.

A database is unavailable if the server is down or starting, a connection broke, a lock is held too
long, or there is no space or no connection left. An error in a statement or its values is never
retried.
"""

from __future__ import annotations

from sqlalchemy import exc


def is_unavailable(error: BaseException) -> bool:
    """Return whether the error means that the database is unavailable and may answer later.

    A commit that fails with such an error may have been made: only its response was lost.
    """
    if isinstance(error, exc.TimeoutError):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    # SQLITE_ERROR is about the statement, such as a missing table or a wrong syntax.
    return (
        isinstance(error, exc.OperationalError)
        and getattr(error.orig, "sqlite_errorname", None) != "SQLITE_ERROR"
    )


def is_serialization_failure(error: BaseException) -> bool:
    """Return whether a transaction failed because others changed what it had read: it may be retried."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _SERIALIZATION_FAILURES


# PostgreSQL's serialization_failure and deadlock_detected.
_SERIALIZATION_FAILURES = frozenset({"40001", "40P01"})
