"""Periodic deletion of old history."""

from __future__ import annotations

import logging
from datetime import timedelta

from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.repositories import retention

LOG = logging.getLogger(__name__)

BATCH_SIZE = 50
"""Flows deleted in one transaction, which is short enough that running flows hardly wait."""

MAX_PER_ROUND = 10_000
"""Flows deleted in one round; the rest waits for the next, so that a stop does not take long."""


class Retention:
    """Deletes ended flows by age and by number.

    A flow is deleted if it ended more than ``max_age_days`` ago, or is not among the ``max_flows``
    that ended last. 0 means no limit.
    """

    def __init__(self, database: Database, *, max_age_days: int, max_flows: int) -> None:
        self._database = database
        self._max_age_days = max_age_days
        self._max_flows = max_flows

    def round(self) -> int:
        """Delete the flows that may be deleted now; return how many."""
        before = clock.now() - timedelta(days=self._max_age_days) if self._max_age_days else None
        with self._database.read() as session:
            old = retention.deletable(
                session, before=before, keep=self._max_flows or None, limit=MAX_PER_ROUND
            )
        for start in range(0, len(old), BATCH_SIZE):
            with self._database.write() as session:
                retention.delete_flows(session, old[start : start + BATCH_SIZE])
        self._purge()
        if old:
            LOG.info("forgot %d flows that ended long ago", len(old))
        return len(old)

    def _purge(self) -> None:
        """Delete the rows of deleted resources that no flow references any more."""
        for purge in (retention.purge, retention.purge_transfers):
            for _ in range(MAX_PER_ROUND // BATCH_SIZE):
                with self._database.write() as session:
                    purged = purge(session, BATCH_SIZE)
                if not purged:
                    break
