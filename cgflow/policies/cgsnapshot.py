"""Rules for cgsnapshots, under the names that they have always had."""

from __future__ import annotations

from cgflow.policies.base import OWNER, READER, guard

RULES = [
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
