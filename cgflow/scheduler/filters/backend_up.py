"""The filter for backends that are up and have reported recently."""

from __future__ import annotations

from datetime import datetime

from cgflow.clock import iso
from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


def is_stale(backend: Backend, now: datetime, service_down_s: float) -> bool:
    """Return whether a backend's stored report is too old to be used."""
    return (now - backend.reported_at).total_seconds() > service_down_s


class BackendUpFilter:
    """Accepts a backend that is up by its last report, at most ``service_down_s`` seconds ago."""

    def __init__(self, service_down_s: float = 60) -> None:
        self._service_down_s = service_down_s

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return the reason for a refusal, or None."""
        since = iso(backend.reported_at)
        if not backend.is_up:
            return f"is down since {since}" + (f" ({backend.reason})" if backend.reason else "")
        allowed = self._service_down_s
        if is_stale(backend, request.now, allowed):
            age = (request.now - backend.reported_at).total_seconds()
            return f"has not reported since {since}: {age:.0f} seconds, and {allowed:.0f} are allowed"
        return None
