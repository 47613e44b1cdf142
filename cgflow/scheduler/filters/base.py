"""What a filter is."""

from __future__ import annotations

from typing import Protocol

from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class Filter(Protocol):
    """One question about a backend. Pure: no I/O, no logging, no clock but the request's."""

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return why the backend cannot take the request, in words that follow its name; None if it can."""
        ...
