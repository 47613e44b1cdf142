"""Periodic background work, each in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from cgflow.db.transient_errors import is_unavailable

LOG = logging.getLogger(__name__)


class Periodic:
    """Runs ``work`` every ``interval_s`` seconds. A failure is logged and retried at the next interval."""

    def __init__(self, name: str, interval_s: float, work: Callable[[], object]) -> None:
        self._name = name
        self._interval_s = interval_s
        self._work = work
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; the first run comes after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current run."""
        self._stopped.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stopped.wait(self._interval_s):
            try:
                self._work()
            except BaseException as error:
                # Includes what a driver raises to end a process: the thread has to continue.
                if is_unavailable(error):
                    # The database has logged its outage.
                    LOG.debug(
                        "%s: the database does not answer; retried in %s s", self._name, self._interval_s
                    )
                else:
                    LOG.exception("%s failed; it is retried in %s s", self._name, self._interval_s)
