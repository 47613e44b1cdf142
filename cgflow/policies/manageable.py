"""Rules for what backends hold and no record knows: it is listed, and not taken over."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, guard

RULES = [
    guard(
        "volume_extension:list_manageable",
        ADMIN,
        "List the volumes of a backend that no record knows.",
        "GET /manageable_volumes",
        "GET /manageable_volumes/detail",
    ),
    guard(
        "volume_extension:volume_manage",
        ADMIN,
        "Ask for such a volume to be taken over, which is refused in words.",
        "POST /manageable_volumes",
    ),
    guard(
        "snapshot_extension:list_manageable",
        ADMIN,
        "List the snapshots of a backend that no record knows.",
        "GET /manageable_snapshots",
        "GET /manageable_snapshots/detail",
    ),
    guard(
        "snapshot_extension:snapshot_manage",
        ADMIN,
        "Ask for such a snapshot to be taken over, which is refused in words.",
        "POST /manageable_snapshots",
    ),
]
