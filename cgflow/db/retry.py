"""Retries while the database is unavailable."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from cgflow.db.error_classes import is_unavailable
from cgflow.errors import ServiceUnavailable

LOG = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PAUSE_S = 0.5


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
                    f"The database did not answer; {what} goes on from what is stored."
                ) from error
            if not waits:
                LOG.warning("the database does not answer, %s waits: %s", what, error)
            waits = True
