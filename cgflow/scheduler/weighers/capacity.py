"""The most room first."""

from __future__ import annotations

from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class CapacityWeigher:
    """Prefers the most GiB left: those free, or on thin storage those that may still be promised."""

    def score(self, backend: Backend, request: PlacementRequest) -> float:  # noqa: ARG002 - the same for all
        """Return the room in GiB."""
        report = backend.report
        if not report.thin:
            return report.free_gib
        return report.total_gib * report.max_over_subscription_ratio - report.provisioned_gib
