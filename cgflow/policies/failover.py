"""Rules for backends that are frozen, thawed or failed over; the last is refused: none replicates."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, guard

RULES = [
    guard(
        "volume:failover_host",
        ADMIN,
        "Ask for a backend to be failed over, which is refused in words.",
        "PUT /os-services/failover_host",
        "PUT /os-services/failover",
    ),
    guard(
        "volume:freeze_host",
        ADMIN,
        "Freeze a backend: nothing on it can be made or changed.",
        "PUT /os-services/freeze",
    ),
    guard(
        "volume:thaw_host",
        ADMIN,
        "Thaw a backend that is frozen.",
        "PUT /os-services/thaw",
    ),
]
