"""Rules for QoS specs."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, guard

_RULE = "volume_extension:qos_specs_manage"
_ONE = "/qos-specs/{specs_id}"

RULES = [
    guard(f"{_RULE}:create", ADMIN, "Create QoS specs.", "POST /qos-specs"),
    guard(f"{_RULE}:get_all", ADMIN, "List QoS specs.", "GET /qos-specs"),
    guard(
        f"{_RULE}:get",
        ADMIN,
        "Show QoS specs, and the types that carry them.",
        f"GET {_ONE}",
        f"GET {_ONE}/associations",
    ),
    guard(
        f"{_RULE}:update",
        ADMIN,
        "Change QoS specs, and which types carry them.",
        f"PUT {_ONE}",
        f"PUT {_ONE}/delete_keys",
        f"GET {_ONE}/associate",
        f"GET {_ONE}/disassociate",
        f"GET {_ONE}/disassociate_all",
    ),
    guard(f"{_RULE}:delete", ADMIN, "Delete QoS specs.", f"DELETE {_ONE}"),
]
