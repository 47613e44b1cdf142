"""Rules for consistency groups."""

from __future__ import annotations

from cgflow.policies.base import OWNER, READER, guard

RULES = [
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
