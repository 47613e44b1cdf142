"""Rules for clusters of services, of which there are none, and for what they are cleaned of."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, guard

RULES = [
    guard("clusters:get_all", ADMIN, "List clusters.", "GET /clusters", "GET /clusters/detail"),
    guard("clusters:get", ADMIN, "Show a cluster.", "GET /clusters/{cluster_name}"),
    guard("clusters:update", ADMIN, "Enable or disable a cluster.", "PUT /clusters/{cluster_name}"),
    guard(
        "workers:cleanup",
        ADMIN,
        "Ask for what lost processes left to be taken up, which happens by itself.",
        "POST /workers/cleanup",
    ),
]
