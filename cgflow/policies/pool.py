"""Rules for pools."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, guard

RULES = [
    guard(
        "scheduler_extension:scheduler_stats:get_pools",
        ADMIN,
        "List the pools, with what they report of themselves.",
        "GET /scheduler-stats/get_pools",
    ),
]
