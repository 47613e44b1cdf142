"""Rules for the parts of the service and where they run."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, guard

RULES = [
    guard("volume_extension:services:index", ADMIN, "List the parts of the service.", "GET /os-services"),
    guard(
        "volume_extension:services:update",
        ADMIN,
        "Enable or disable a backend, set and show the levels of the log.",
        "PUT /os-services/{action}",
        "PUT /os-services/set-log",
        "PUT /os-services/get-log",
    ),
    guard(
        "volume_extension:hosts",
        ADMIN,
        "List hosts, and what each holds.",
        "GET /os-hosts",
        "GET /os-hosts/{host}",
    ),
    guard(
        "volume_extension:capabilities",
        ADMIN,
        "Show what a backend says of itself.",
        "GET /capabilities/{host}",
    ),
]
