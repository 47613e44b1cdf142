"""Rules for backends that are failed over or frozen, which is refused: none replicates."""

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
        "Ask for a backend to be frozen, which is refused in words.",
        "PUT /os-services/freeze",
    ),
    guard(
        "volume:thaw_host",
        ADMIN,
        "Ask for a backend to be thawed, which is refused in words.",
        "PUT /os-services/thaw",
    ),
]
