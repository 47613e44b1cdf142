"""Rules for consistency groups, cgsnapshots, and generic groups with their types."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, route_rule

CONSISTENCYGROUP_RULES = [
    route_rule(
        "consistencygroup:create",
        OWNER,
        'Create a consistency group. The check "!" disables it; existing groups can be used and deleted.',
        "POST /consistencygroups",
        "POST /consistencygroups/create_from_src",
    ),
    route_rule(
        "consistencygroup:update",
        OWNER,
        "Change the name and description of a consistency group; add and remove volumes.",
        "PUT /consistencygroups/{group_id}",
        "PUT /consistencygroups/{group_id}/update",
    ),
    route_rule(
        "consistencygroup:delete",
        OWNER,
        "Delete a consistency group, with its volumes if force is set.",
        "DELETE /consistencygroups/{group_id}",
        "POST /consistencygroups/{group_id}/delete",
    ),
    route_rule(
        "consistencygroup:revert_to_cgsnapshot",
        OWNER,
        "Restore a consistency group to a cgsnapshot. For each member the caller also needs "
        "volume:revert_to_snapshot and, with a safety cgsnapshot, the rules for taking one.",
        "POST /consistencygroups/{group_id}/action",
    ),
    route_rule(
        "consistencygroup:get", READER, "Show a consistency group.", "GET /consistencygroups/{group_id}"
    ),
    route_rule(
        "consistencygroup:get_all",
        READER,
        "List consistency groups.",
        "GET /consistencygroups",
        "GET /consistencygroups/detail",
    ),
]

CGSNAPSHOT_RULES = [
    route_rule(
        "consistencygroup:create_cgsnapshot",
        OWNER,
        "Take a cgsnapshot; checked with the group. volume:create_snapshot is checked with each member.",
        "POST /cgsnapshots",
    ),
    route_rule(
        "consistencygroup:delete_cgsnapshot",
        OWNER,
        "Delete a cgsnapshot with its members' snapshots.",
        "DELETE /cgsnapshots/{cgsnapshot_id}",
    ),
    route_rule(
        "consistencygroup:get_cgsnapshot", READER, "Show a cgsnapshot.", "GET /cgsnapshots/{cgsnapshot_id}"
    ),
    route_rule(
        "consistencygroup:get_all_cgsnapshots",
        READER,
        "List cgsnapshots.",
        "GET /cgsnapshots",
        "GET /cgsnapshots/detail",
    ),
]

GROUP_RULES = [
    route_rule(
        "group:create", OWNER, "Create a group, also from a source.", "POST /groups", "POST /groups/action"
    ),
    route_rule(
        "group:update",
        OWNER,
        "Change the name and description of a group; add and remove volumes.",
        "PUT /groups/{group_id}",
    ),
    route_rule(
        "group:delete",
        OWNER,
        "Delete a group, with its volumes if requested.",
        "POST /groups/{group_id}/action",
    ),
    route_rule(
        "group:revert_to_group_snapshot",
        OWNER,
        "Restore a group to a group snapshot. For each member the caller also needs "
        "volume:revert_to_snapshot and, with a safety snapshot, the rules for taking one.",
        "POST /groups/{group_id}/action",
    ),
    *(
        route_rule(
            f"group:{name}",
            OWNER,
            f"{text}. Not supported: the request is refused with a message.",
            "POST /groups/{group_id}/action",
        )
        for name, text in (
            ("enable_replication", "Enable the replication of a group"),
            ("disable_replication", "Disable the replication of a group"),
            ("failover_replication", "Fail over a replicated group"),
            ("list_replication_targets", "List the replication targets of a group"),
        )
    ),
    route_rule("group:reset_status", ADMIN, "Reset the status of a group.", "POST /groups/{group_id}/action"),
    route_rule("group:get", READER, "Show a group.", "GET /groups/{group_id}"),
    route_rule("group:get_all", READER, "List groups.", "GET /groups", "GET /groups/detail"),
]

GROUP_SNAPSHOT_RULES = [
    route_rule(
        "group:create_group_snapshot",
        OWNER,
        "Take a group snapshot; checked with the group. volume:create_snapshot is checked with each member.",
        "POST /group_snapshots",
    ),
    route_rule(
        "group:delete_group_snapshot",
        OWNER,
        "Delete a group snapshot with its members' snapshots.",
        "DELETE /group_snapshots/{group_snapshot_id}",
    ),
    route_rule(
        "group:reset_group_snapshot_status",
        ADMIN,
        "Reset the status of a group snapshot.",
        "POST /group_snapshots/{group_snapshot_id}/action",
    ),
    route_rule(
        "group:get_group_snapshot",
        READER,
        "Show a group snapshot.",
        "GET /group_snapshots/{group_snapshot_id}",
    ),
    route_rule(
        "group:get_all_group_snapshots",
        READER,
        "List group snapshots.",
        "GET /group_snapshots",
        "GET /group_snapshots/detail",
    ),
]

GROUP_SPECS_SHOWN = "group:access_group_types_specs"
_GROUP_TYPE_SPECS = "/group_types/{group_type_id}/group_specs"

GROUP_TYPE_RULES = [
    route_rule("group:group_types:create", ADMIN, "Create a group type.", "POST /group_types"),
    route_rule("group:group_types:update", ADMIN, "Change a group type.", "PUT /group_types/{group_type_id}"),
    route_rule(
        "group:group_types:delete", ADMIN, "Delete a group type.", "DELETE /group_types/{group_type_id}"
    ),
    route_rule(
        "group:group_types:get",
        READER,
        "Show a group type. Private types are visible to administrators only.",
        "GET /group_types/{group_type_id}",
        "GET /group_types/default",
    ),
    route_rule("group:group_types:get_all", READER, "List group types.", "GET /group_types"),
    route_rule(
        GROUP_SPECS_SHOWN,
        ADMIN,
        "Show the group specs of group types.",
        "GET /group_types",
        "GET /group_types/default",
        "GET /group_types/{group_type_id}",
    ),
    route_rule("group:group_types_specs:get_all", ADMIN, "List group specs.", f"GET {_GROUP_TYPE_SPECS}"),
    route_rule("group:group_types_specs:create", ADMIN, "Set group specs.", f"POST {_GROUP_TYPE_SPECS}"),
    route_rule(
        "group:group_types_specs:get", ADMIN, "Show one group spec.", f"GET {_GROUP_TYPE_SPECS}/{{key}}"
    ),
    route_rule(
        "group:group_types_specs:update", ADMIN, "Set one group spec.", f"PUT {_GROUP_TYPE_SPECS}/{{key}}"
    ),
    route_rule(
        "group:group_types_specs:delete",
        ADMIN,
        "Delete one group spec.",
        f"DELETE {_GROUP_TYPE_SPECS}/{{key}}",
    ),
]
