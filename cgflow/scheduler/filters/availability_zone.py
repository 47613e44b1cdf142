"""The filter for backends in the requested availability zone."""

from __future__ import annotations

from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class AvailabilityZoneFilter:
    """Accepts a backend in the request's availability zone, or any if the request names none."""

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return the reason for a refusal, or None."""
        if request.availability_zone in (None, backend.availability_zone):
            return None
        return f"is in availability zone '{backend.availability_zone}', not in '{request.availability_zone}'"
