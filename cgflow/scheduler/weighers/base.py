"""The protocol of weighers."""

from __future__ import annotations

from typing import Protocol

from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class Weigher(Protocol):
    """One measure of how suitable a backend is. Pure: no I/O, no logging, no clock but the request's."""

    def score(self, backend: Backend, request: PlacementRequest) -> float:
        """Return a number in any unit; placement normalises those of all candidates to 0..1."""
        ...
