"""Rules for volume types and their extra specs."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, READER, guard

SPECS_SHOWN = "volume_extension:access_types_extra_specs"
_SPECS = "/types/{type_id}/extra_specs"

RULES = [
    guard("volume_extension:type_create", ADMIN, "Create a volume type.", "POST /types"),
    guard("volume_extension:type_update", ADMIN, "Change a volume type.", "PUT /types/{type_id}"),
    guard("volume_extension:type_delete", ADMIN, "Delete a volume type.", "DELETE /types/{type_id}"),
    guard(
        "volume_extension:type_get",
        READER,
        "Show a volume type. Private ones exist for administrators and the projects that are let in.",
        "GET /types/{type_id}",
        "GET /types/default",
    ),
    guard("volume_extension:type_get_all", READER, "List volume types.", "GET /types"),
    guard(
        SPECS_SHOWN,
        ADMIN,
        "See the extra specs within a volume type.",
        "GET /types",
        "GET /types/default",
        "GET /types/{type_id}",
    ),
    guard("volume_extension:types_extra_specs:index", ADMIN, "List extra specs.", f"GET {_SPECS}"),
    guard("volume_extension:types_extra_specs:create", ADMIN, "Set extra specs.", f"POST {_SPECS}"),
    guard("volume_extension:types_extra_specs:show", ADMIN, "Show one extra spec.", f"GET {_SPECS}/{{key}}"),
    guard("volume_extension:types_extra_specs:update", ADMIN, "Set one extra spec.", f"PUT {_SPECS}/{{key}}"),
    guard(
        "volume_extension:types_extra_specs:delete",
        ADMIN,
        "Take one extra spec away.",
        f"DELETE {_SPECS}/{{key}}",
    ),
]
