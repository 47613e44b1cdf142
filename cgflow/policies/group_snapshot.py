"""Rules for group snapshots, the cgsnapshots in later words."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, guard

RULES = [
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
