"""Backends that an operator has not disabled."""

from __future__ import annotations

from cgflow.clock import iso
from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class EnabledFilter:
    """Accepts a backend that is not disabled. What a disabled one holds already goes on as before."""

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return why not, or None."""
        if backend.disabled_at is None or not request.is_new:
            return None
        why = f" ({backend.disabled_reason})" if backend.disabled_reason else ""
        return f"is disabled since {iso(backend.disabled_at)}{why}"
