"""What has cut clients off since a driver's start, kept until the service has told of it."""

from __future__ import annotations

import threading
from collections import deque

from cgflow import clock
from cgflow.drivers.contract import Incident

_KEPT = 100


class Incidents:
    """The last incidents of a driver, and how many there were. Safe for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: deque[Incident] = deque(maxlen=_KEPT)
        self._count = 0

    def note(self, subject: str, words: str) -> None:
        """Add one, about a consistency group or a volume outside any."""
        with self._lock:
            self._count += 1
            self._last.append(Incident(self._count, str(clock.iso(clock.now())), subject, words))

    def last(self) -> tuple[Incident, ...]:
        """Return the last of them, oldest first."""
        with self._lock:
            return tuple(self._last)

    @property
    def count(self) -> int:
        """How many there were since the driver's start."""
        return self._count
