"""The protocol of filters."""

from __future__ import annotations

from typing import Protocol

from cgflow.records import Backend
from cgflow.scheduler.request import PlacementRequest


class Filter(Protocol):
    """One condition on a backend. Pure: no I/O, no logging, no clock but the request's."""

    def refuse(self, backend: Backend, request: PlacementRequest) -> str | None:
        """Return why the backend cannot accept the request, worded to follow its name; None if it can."""
        ...
