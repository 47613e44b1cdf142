"""One log line when the database becomes unavailable, and one when it answers again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cgflow.db.error_classes import is_unavailable

LOG = logging.getLogger(__name__)


class OutageLog:
    """Tracks which kinds of transactions fail because the database is unavailable. Thread-safe.

    Kinds are tracked separately: on a full disk reads succeed and writes fail.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failing: set[str] = set()

    @contextmanager
    def watched(self, kind: str) -> Iterator[None]:
        """Record whether a transaction of this kind succeeds."""
        try:
            yield
        except Exception as error:
            if is_unavailable(error):
                self._failed(kind, error)
            raise
        if kind in self._failing:
            self._answered(kind)

    def _failed(self, kind: str, error: Exception) -> None:
        with self._lock:
            is_news = kind not in self._failing
            self._failing.add(kind)
        if is_news:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()
            LOG.error("the database takes no %s: %s", kind, reason[0] if reason else type(error).__name__)

    def _answered(self, kind: str) -> None:
        with self._lock:
            is_news = kind in self._failing
            self._failing.discard(kind)
        if is_news:
            LOG.warning("the database takes %s again", kind)
