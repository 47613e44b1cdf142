"""Transient errors of the database: recognise, log and retry.

A database is unavailable if the server is down or starting, a connection broke, a lock is held too
long, or there is no space or no connection left. An error in a statement or its values is never
retried.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import exc

from cgflow.errors import ServiceUnavailable

LOG = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PAUSE_S = 0.5
"""Seconds between two attempts while the database is unavailable."""

# PostgreSQL's serialization_failure and deadlock_detected.
_SERIALIZATION_FAILURES = frozenset({"40001", "40P01"})


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


class OutageLog:
    """Tracks which kinds of transactions fail because the database is unavailable. Thread-safe.

    One line is logged when a kind begins to fail, and one when it succeeds again.
    Kinds are tracked separately: on a full disk reads succeed and writes fail.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failing: set[str] = set()

    @contextmanager
    def track(self, kind: str) -> Iterator[None]:
        """Record whether a transaction of this kind succeeds."""
        try:
            yield
        except Exception as error:
            if is_unavailable(error):
                self._record_failure(kind, error)
            raise
        if kind in self._failing:
            self._record_success(kind)

    def _record_failure(self, kind: str, error: Exception) -> None:
        with self._lock:
            is_change = kind not in self._failing
            self._failing.add(kind)
        if is_change:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()
            LOG.error(
                "the database does not accept %s: %s", kind, reason[0] if reason else type(error).__name__
            )

    def _record_success(self, kind: str) -> None:
        with self._lock:
            is_change = kind in self._failing
            self._failing.discard(kind)
        if is_change:
            LOG.warning("the database accepts %s again", kind)


def retry_while_unavailable(work: Callable[[], Answer], given_up: threading.Event, what: str) -> Answer:
    """Run work, which must be idempotent, and rerun it from the beginning while the database is unavailable.

    Raises: ServiceUnavailable, if ``given_up`` is set while the database is unavailable; whatever
    else the work raises, at once.
    """
    waits = False
    while True:
        try:
            return work()
        except Exception as error:
            if not is_unavailable(error):
                raise
            if given_up.wait(PAUSE_S):
                raise ServiceUnavailable(
                    f"The database did not answer; {what} continues from what is stored."
                ) from error
            if not waits:
                LOG.warning("the database does not answer; %s waits: %s", what, error)
            waits = True
