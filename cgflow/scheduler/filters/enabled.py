"""The filter for backends that an operator has neither disabled nor frozen."""

from __future__ import annotations

from cgflow.clock import iso
from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class EnabledFilter:
    """Accepts a backend that is neither disabled nor frozen, and any for what it already holds."""

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return the reason for a refusal, or None."""
        if not request.is_new:
            return None
        if backend.frozen_at is not None:
            return f"is frozen since {iso(backend.frozen_at)}"
        if backend.disabled_at is None:
            return None
        why = f" ({backend.disabled_reason})" if backend.disabled_reason else ""
        return f"is disabled since {iso(backend.disabled_at)}{why}"
