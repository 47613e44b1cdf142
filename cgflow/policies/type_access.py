"""Rules for who may use private volume types."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, guard

_RULE = "volume_extension:volume_type_access"
_ACTION = "POST /types/{type_id}/action"

RULES = [
    guard(
        f"{_RULE}:get_all_for_type",
        ADMIN,
        "List the projects that may use a private volume type.",
        "GET /types/{type_id}/os-volume-type-access",
    ),
    guard(f"{_RULE}:addProjectAccess", ADMIN, "Let a project use a private volume type.", _ACTION),
    guard(f"{_RULE}:removeProjectAccess", ADMIN, "Let a project use it no more.", _ACTION),
]
