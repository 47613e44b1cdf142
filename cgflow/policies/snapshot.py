"""Rules for snapshots, the members' copies."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, OWNER, READER, guard

_ACTION = "POST /snapshots/{snapshot_id}/action"

RULES = [
    guard(
        "volume:create_snapshot",
        OWNER,
        "Take a snapshot of a volume; checked with every member when a cgsnapshot is taken.",
        "POST /snapshots",
        "POST /cgsnapshots",
    ),
    guard("volume:get_snapshot", READER, "Show a snapshot.", "GET /snapshots/{snapshot_id}"),
    guard("volume:get_all_snapshots", READER, "List snapshots.", "GET /snapshots", "GET /snapshots/detail"),
    guard(
        "volume:update_snapshot",
        OWNER,
        "Rename a snapshot, or describe it anew.",
        "PUT /snapshots/{snapshot_id}",
    ),
    guard(
        "volume_extension:snapshot_admin_actions:reset_status",
        ADMIN,
        "Set the status of a snapshot by hand (os-reset_status).",
        _ACTION,
    ),
    guard("volume:delete_snapshot", OWNER, "Delete a snapshot.", "DELETE /snapshots/{snapshot_id}"),
    guard(
        "volume_extension:snapshot_admin_actions:force_delete",
        ADMIN,
        "Delete a snapshot as an administrator (os-force_delete).",
        _ACTION,
    ),
    guard(
        "volume_extension:snapshot_actions:update_snapshot_status",
        OWNER,
        "Set status and progress of a snapshot whose status was reset (os-update_snapshot_status).",
        _ACTION,
    ),
    guard(
        "volume_extension:snapshot_actions:initialize_connection",
        OWNER,
        "Make a snapshot readable and learn its address (os-initialize_connection).",
        _ACTION,
    ),
    guard(
        "volume_extension:snapshot_actions:terminate_connection",
        OWNER,
        "Withdraw the address of a snapshot (os-terminate_connection).",
        _ACTION,
    ),
    guard(
        "cgflow:host_file",
        ADMIN,
        "Have a volume or a snapshot as a file on the backend's host (`cgflow:file` in a connector).",
        "POST /volumes/{volume_id}/action",
        _ACTION,
    ),
]
