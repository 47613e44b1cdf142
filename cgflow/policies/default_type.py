"""Rules for the default volume types of projects; each is checked with that project."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, guard

_OF = "/default-types/{target_id}"

RULES = [
    guard(
        "volume_extension:default_get_all",
        ADMIN,
        "List the projects that have a default volume type of their own.",
        "GET /default-types",
    ),
    guard("volume_extension:default_get", ADMIN, "Show a project's own default volume type.", f"GET {_OF}"),
    guard(
        "volume_extension:default_set_or_update",
        ADMIN,
        "Give a project a default volume type of its own.",
        f"PUT {_OF}",
    ),
    guard(
        "volume_extension:default_unset",
        ADMIN,
        "Give a project the configured default volume type again.",
        f"DELETE {_OF}",
    ),
]
