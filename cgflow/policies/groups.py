"""Rules for consistency groups, cgsnapshots, and generic groups with their types."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, guard

CONSISTENCYGROUP_RULES = [
    guard(
        "consistencygroup:create",
        OWNER,
        'Create a consistency group. "!" is the off switch: groups that exist can still be used and deleted.',
        "POST /consistencygroups",
        "POST /consistencygroups/create_from_src",
    ),
    guard(
        "consistencygroup:update",
        OWNER,
        "Rename a consistency group, describe it anew, take volumes into it and out of it.",
        "PUT /consistencygroups/{group_id}",
        "PUT /consistencygroups/{group_id}/update",
    ),
    guard(
        "consistencygroup:delete",
        OWNER,
        "Delete a consistency group, with its volumes if forced.",
        "DELETE /consistencygroups/{group_id}",
        "POST /consistencygroups/{group_id}/delete",
    ),
    guard(
        "consistencygroup:revert_to_cgsnapshot",
        OWNER,
        "Put a consistency group back to a cgsnapshot. Each member has to be allowed as well: "
        "volume:revert_to_snapshot, and with a safety cgsnapshot what that needs.",
        "POST /consistencygroups/{group_id}/action",
    ),
    guard("consistencygroup:get", READER, "Show a consistency group.", "GET /consistencygroups/{group_id}"),
    guard(
        "consistencygroup:get_all",
        READER,
        "List consistency groups.",
        "GET /consistencygroups",
        "GET /consistencygroups/detail",
    ),
]

CGSNAPSHOT_RULES = [
    guard(
        "consistencygroup:create_cgsnapshot",
        OWNER,
        "Take a cgsnapshot; checked with the group. volume:create_snapshot is checked with every member.",
        "POST /cgsnapshots",
    ),
    guard(
        "consistencygroup:delete_cgsnapshot",
        OWNER,
        "Delete a cgsnapshot with all its members' copies.",
        "DELETE /cgsnapshots/{cgsnapshot_id}",
    ),
    guard(
        "consistencygroup:get_cgsnapshot", READER, "Show a cgsnapshot.", "GET /cgsnapshots/{cgsnapshot_id}"
    ),
    guard(
        "consistencygroup:get_all_cgsnapshots",
        READER,
        "List cgsnapshots.",
        "GET /cgsnapshots",
        "GET /cgsnapshots/detail",
    ),
]

GROUP_RULES = [
    guard(
        "group:create", OWNER, "Create a group, also from a source.", "POST /groups", "POST /groups/action"
    ),
    guard(
        "group:update",
        OWNER,
        "Rename a group, describe it anew, take volumes into it and out of it.",
        "PUT /groups/{group_id}",
    ),
    guard(
        "group:delete",
        OWNER,
        "Delete a group, with its volumes if asked to.",
        "POST /groups/{group_id}/action",
    ),
    guard(
        "group:revert_to_group_snapshot",
        OWNER,
        "Put a group back to a group snapshot. Each member has to be allowed as well: "
        "volume:revert_to_snapshot, and with a safety snapshot what that needs.",
        "POST /groups/{group_id}/action",
    ),
    *(
        guard(
            f"group:{name}",
            OWNER,
            f"Ask a group to {words}, which is refused in words.",
            "POST /groups/{group_id}/action",
        )
        for name, words in (
            ("enable_replication", "replicate"),
            ("disable_replication", "replicate no more"),
            ("failover_replication", "be failed over"),
            ("list_replication_targets", "tell where it replicates to"),
        )
    ),
    guard("group:reset_status", ADMIN, "Reset the status of a group.", "POST /groups/{group_id}/action"),
    guard("group:get", READER, "Show a group.", "GET /groups/{group_id}"),
    guard("group:get_all", READER, "List groups.", "GET /groups", "GET /groups/detail"),
]

GROUP_SNAPSHOT_RULES = [
    guard(
        "group:create_group_snapshot",
        OWNER,
        "Take a group snapshot; checked with the group. volume:create_snapshot is checked with every member.",
        "POST /group_snapshots",
    ),
    guard(
        "group:delete_group_snapshot",
        OWNER,
        "Delete a group snapshot with all its members' copies.",
        "DELETE /group_snapshots/{group_snapshot_id}",
    ),
    guard(
        "group:reset_group_snapshot_status",
        ADMIN,
        "Reset the status of a group snapshot.",
        "POST /group_snapshots/{group_snapshot_id}/action",
    ),
    guard(
        "group:get_group_snapshot",
        READER,
        "Show a group snapshot.",
        "GET /group_snapshots/{group_snapshot_id}",
    ),
    guard(
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
        GROUP_SPECS_SHOWN,
        ADMIN,
        "See the group specs within a group type.",
        "GET /group_types",
        "GET /group_types/default",
        "GET /group_types/{group_type_id}",
    ),
    guard("group:group_types_specs:get_all", ADMIN, "List group specs.", f"GET {_GROUP_TYPE_SPECS}"),
    guard("group:group_types_specs:create", ADMIN, "Set group specs.", f"POST {_GROUP_TYPE_SPECS}"),
    guard("group:group_types_specs:get", ADMIN, "Show one group spec.", f"GET {_GROUP_TYPE_SPECS}/{{key}}"),
    guard("group:group_types_specs:update", ADMIN, "Set one group spec.", f"PUT {_GROUP_TYPE_SPECS}/{{key}}"),
    guard(
        "group:group_types_specs:delete",
        ADMIN,
        "Take one group spec away.",
        f"DELETE {_GROUP_TYPE_SPECS}/{{key}}",
    ),
]
