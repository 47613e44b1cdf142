"""The weigher that prefers the most space."""

from __future__ import annotations

from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class CapacityWeigher:
    """Prefers the most GiB left: free space, or on thin storage the space that may still be provisioned."""

    def score(self, backend: Backend, request: PlacementRequest) -> float:  # noqa: ARG002 - the same for all
        """Return the space in GiB."""
        report = backend.report
        if not report.thin:
            return report.free_gib
        return report.total_gib * report.max_over_subscription_ratio - report.provisioned_gib
