"""Weighers: each gives a backend a score; a higher score is better."""

from __future__ import annotations

from typing import Protocol

from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class Weigher(Protocol):
    """One measure of how suitable a backend is. Pure: no I/O, no logging, no clock but the request's."""

    def score(self, backend: Backend, request: PlacementRequest) -> float:
        """Return a number in any unit; placement normalises those of all candidates to 0..1."""
        ...


class CapacityWeigher:
    """Prefers the most GiB left: free space, or on thin storage the space that may still be provisioned."""

    def score(self, backend: Backend, request: PlacementRequest) -> float:  # noqa: ARG002 - the same for all
        """Return the space in GiB."""
        report = backend.report
        if not report.thin:
            return report.free_gib
        return report.total_gib * report.max_over_subscription_ratio - report.provisioned_gib


class VolumeNumberWeigher:
    """Prefers the backend with the fewest live volumes."""

    def score(self, backend: Backend, request: PlacementRequest) -> float:
        """Return the negative number of volumes."""
        return -float(request.volume_counts.get(backend.name, 0))
