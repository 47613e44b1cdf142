"""The filter for backends with enough space."""

from __future__ import annotations

from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class CapacityFilter:
    """Accepts a backend with enough space for the request.

    Thick storage must have the space free. Thin storage may provision more than it has: in total, up to
    ``max_over_subscription_ratio`` times its size; for the request alone, up to that many times its free
    space. A request of size 0 is always accepted, even if no space is left.
    """

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return the reason for a refusal, or None."""
        size, report = request.size_gib, backend.report
        if size <= 0:
            return None
        if not report.thin:
            return (
                None if size <= report.free_gib else f"has {_gib(report.free_gib)} free, needs {_gib(size)}"
            )
        ratio = report.max_over_subscription_ratio
        promised, most = report.provisioned_gib, report.total_gib * ratio
        if promised + size > most:
            return (
                f"has promised {_gib(promised)}, and {_gib(size)} more would pass the {_gib(most)} "
                f"that it may promise (its {_gib(report.total_gib)} times {ratio:g})"
            )
        if size > report.free_gib * ratio:
            return (
                f"has {_gib(report.free_gib)} free, on which it may promise "
                f"{_gib(report.free_gib * ratio)} at once, needs {_gib(size)}"
            )
        return None


def _gib(amount: float) -> str:
    return f"{amount:.10g} GiB"
