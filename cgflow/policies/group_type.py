"""Rules for group types and their group specs."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, READER, guard

SPECS_SHOWN = "group:access_group_types_specs"
_SPECS = "/group_types/{group_type_id}/group_specs"

RULES = [
    guard("group:group_types:create", ADMIN, "Create a group type.", "POST /group_types"),
    guard("group:group_types:update", ADMIN, "Change a group type.", "PUT /group_types/{group_type_id}"),
    guard("group:group_types:delete", ADMIN, "Delete a group type.", "DELETE /group_types/{group_type_id}"),
    guard(
        "group:group_types:get",
        READER,
        "Show a group type. Private ones exist for administrators alone.",
        "GET /group_types/{group_type_id}",
        "GET /group_types/default",
    ),
    guard("group:group_types:get_all", READER, "List group types.", "GET /group_types"),
    guard(
        SPECS_SHOWN,
        ADMIN,
        "See the group specs within a group type.",
        "GET /group_types",
        "GET /group_types/default",
        "GET /group_types/{group_type_id}",
    ),
    guard("group:group_types_specs:get_all", ADMIN, "List group specs.", f"GET {_SPECS}"),
    guard("group:group_types_specs:create", ADMIN, "Set group specs.", f"POST {_SPECS}"),
    guard("group:group_types_specs:get", ADMIN, "Show one group spec.", f"GET {_SPECS}/{{key}}"),
    guard("group:group_types_specs:update", ADMIN, "Set one group spec.", f"PUT {_SPECS}/{{key}}"),
    guard("group:group_types_specs:delete", ADMIN, "Take one group spec away.", f"DELETE {_SPECS}/{{key}}"),
]
