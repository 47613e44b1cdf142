"""Backends that are up, and have said so lately."""

from __future__ import annotations

from cgflow.clock import iso
from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class BackendUpFilter:
    """Accepts a backend whose last report is good and not older than ``service_down_s`` seconds."""

    def __init__(self, service_down_s: float = 60) -> None:
        self._service_down_s = service_down_s

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return why not, or None."""
        since = iso(backend.reported_at)
        if not backend.is_up:
            return f"is down since {since}" + (f" ({backend.reason})" if backend.reason else "")
        age = (request.now - backend.reported_at).total_seconds()
        if age > self._service_down_s:
            allowed = self._service_down_s
            return f"has not reported since {since}: {age:.0f} seconds, and {allowed:.0f} are allowed"
        return None
