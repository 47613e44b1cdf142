"""The request for a placement, with everything that filters and weighers may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["volume", "consistency group", "cgsnapshot", "snapshot"]


@dataclass(frozen=True, kw_only=True)
class PlacementRequest:
    """One resource to place, or one volume type of a consistency group.

    ``size_gib`` is what it takes from the backend: 0 for a consistency group, which takes nothing itself.
    ``availability_zone`` None accepts every zone. ``now`` is the time of the request, in UTC without a time
    zone. ``is_new`` is false for what belongs to a resource on the backend. ``qos_specs`` are those of the
    volume type, ``consumer`` and ``specs``, None if it has none. ``volume_counts`` has the number of live
    volumes of each backend.
    """

    id: str
    now: datetime
    kind: Kind = "volume"
    volume_type: str | None = None
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = True
    qos_specs: Mapping[str, object] | None = None
    size_gib: int = 0
    availability_zone: str | None = None
    volume_counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_group(self) -> bool:
        """Whether a consistency group is being placed."""
        return self.kind == "consistency group"
