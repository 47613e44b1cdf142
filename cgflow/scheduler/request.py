"""What is to be placed, with everything that filters and weighers may look at: they ask nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["volume", "consistency group", "cgsnapshot", "snapshot"]


@dataclass(frozen=True, kw_only=True)
class PlacementRequest:
    """One thing to place, or one volume type of a consistency group.

    ``size_gib`` is what it will take from the backend: 0 for a consistency
    group, which takes nothing by itself. ``availability_zone`` None accepts
    every zone. ``now`` is the moment the request is judged at, in UTC without a
    zone. ``is_new`` is false for what belongs to something that the backend
    holds already. ``qos_specs`` are those of the volume type, ``consumer`` and ``specs``,
    None if it has none. ``volume_counts`` tells how many live volumes each backend has.
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
