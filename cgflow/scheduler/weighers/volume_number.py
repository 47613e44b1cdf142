"""The weigher that prefers the fewest volumes."""

from __future__ import annotations

from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class VolumeNumberWeigher:
    """Prefers the backend with the fewest live volumes."""

    def score(self, backend: Backend, request: PlacementRequest) -> float:
        """Return the negative number of volumes."""
        return -float(request.volume_counts.get(backend.name, 0))
