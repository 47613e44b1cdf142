"""Rules for groups, the consistency groups in later words."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, guard

RULES = [
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
