"""Rules for how volumes are to be encrypted."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, READER, guard

_RULE = "volume_extension:volume_type_encryption"
_TYPE = "/types/{type_id}/encryption"
_VOLUME = "/volumes/{volume_id}/encryption"

RULES = [
    guard(f"{_RULE}:create", ADMIN, "Have volumes of a type encrypted.", f"POST {_TYPE}"),
    guard(
        f"{_RULE}:get",
        ADMIN,
        "Show how volumes of a type are to be encrypted.",
        f"GET {_TYPE}",
        f"GET {_TYPE}/{{encryption_id}}",
    ),
    guard(f"{_RULE}:update", ADMIN, "Change how they are to be encrypted.", f"PUT {_TYPE}/{{encryption_id}}"),
    guard(f"{_RULE}:delete", ADMIN, "Have them encrypted no more.", f"DELETE {_TYPE}/{{encryption_id}}"),
    guard(
        "volume_extension:volume_encryption_metadata",
        READER,
        "Show how a volume is encrypted, which none is.",
        f"GET {_VOLUME}",
        f"GET {_VOLUME}/{{encryption_key}}",
    ),
]
