"""Incidents since the start of a driver, kept until the service has reported them."""

from __future__ import annotations

import threading
from collections import deque

from cgflow import clock
from cgflow.drivers.contract import Incident

_MAX_INCIDENTS = 100


class Incidents:
    """The latest incidents of a driver, and their total number. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: deque[Incident] = deque(maxlen=_MAX_INCIDENTS)
        self._count = 0

    def add(self, subject: str, description: str) -> None:
        """Add an incident about a consistency group, or about a volume outside any group."""
        with self._lock:
            self._count += 1
            self._last.append(Incident(self._count, str(clock.iso(clock.now())), subject, description))

    def latest(self) -> tuple[Incident, ...]:
        """Return the latest incidents, oldest first."""
        with self._lock:
            return tuple(self._last)

    @property
    def count(self) -> int:
        """The number of incidents since the start of the driver."""
        return self._count
