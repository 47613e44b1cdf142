"""Rules for availability zones."""

from __future__ import annotations

from cgflow.policies.base import READER, guard

RULES = [
    guard(
        "volume_extension:availability_zone_list",
        READER,
        "List the availability zones.",
        "GET /os-availability-zone",
    ),
]
