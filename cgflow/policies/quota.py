"""Rules for quota."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, READER, guard

_SET = "/os-quota-sets/{target_id}"
_CLASS = "/os-quota-class-sets/{class_name}"

RULES = [
    guard(
        "volume_extension:quotas:show",
        READER,
        "Show the quota of a project; checked with that project.",
        f"GET {_SET}",
        f"GET {_SET}/defaults",
    ),
    guard("volume_extension:quotas:update", ADMIN, "Set the quota of a project.", f"PUT {_SET}"),
    guard("volume_extension:quotas:delete", ADMIN, "Give a project the defaults again.", f"DELETE {_SET}"),
    guard("volume_extension:quota_classes:get", ADMIN, "Show the default quota.", f"GET {_CLASS}"),
    guard("volume_extension:quota_classes:update", ADMIN, "Set the default quota.", f"PUT {_CLASS}"),
    guard("limits_extension:used_limits", READER, "Show limits and usage of one's project.", "GET /limits"),
]
