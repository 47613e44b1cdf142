"""Rules for volume types, their access, encryption, QoS specs and defaults."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, READER, route_rule

EXTRA_SPECS_SHOWN = "volume_extension:access_types_extra_specs"
_VOLUME_TYPE_SPECS = "/types/{type_id}/extra_specs"

VOLUME_TYPE_RULES = [
    route_rule("volume_extension:type_create", ADMIN, "Create a volume type.", "POST /types"),
    route_rule("volume_extension:type_update", ADMIN, "Change a volume type.", "PUT /types/{type_id}"),
    route_rule("volume_extension:type_delete", ADMIN, "Delete a volume type.", "DELETE /types/{type_id}"),
    route_rule(
        "volume_extension:type_get",
        READER,
        "Show a volume type. Private types are visible to administrators and projects with access only.",
        "GET /types/{type_id}",
        "GET /types/default",
    ),
    route_rule("volume_extension:type_get_all", READER, "List volume types.", "GET /types"),
    route_rule(
        EXTRA_SPECS_SHOWN,
        ADMIN,
        "Show the extra specs of volume types.",
        "GET /types",
        "GET /types/default",
        "GET /types/{type_id}",
    ),
    route_rule(
        "volume_extension:types_extra_specs:index", ADMIN, "List extra specs.", f"GET {_VOLUME_TYPE_SPECS}"
    ),
    route_rule(
        "volume_extension:types_extra_specs:create", ADMIN, "Set extra specs.", f"POST {_VOLUME_TYPE_SPECS}"
    ),
    route_rule(
        "volume_extension:types_extra_specs:show",
        ADMIN,
        "Show one extra spec.",
        f"GET {_VOLUME_TYPE_SPECS}/{{key}}",
    ),
    route_rule(
        "volume_extension:types_extra_specs:update",
        ADMIN,
        "Set one extra spec.",
        f"PUT {_VOLUME_TYPE_SPECS}/{{key}}",
    ),
    route_rule(
        "volume_extension:types_extra_specs:delete",
        ADMIN,
        "Delete one extra spec.",
        f"DELETE {_VOLUME_TYPE_SPECS}/{{key}}",
    ),
]

_TYPE_ACCESS_RULE = "volume_extension:volume_type_access"
_TYPE_ACCESS_ACTION = "POST /types/{type_id}/action"

TYPE_ACCESS_RULES = [
    route_rule(
        f"{_TYPE_ACCESS_RULE}:get_all_for_type",
        ADMIN,
        "List the projects that may use a private volume type.",
        "GET /types/{type_id}/os-volume-type-access",
    ),
    route_rule(
        f"{_TYPE_ACCESS_RULE}:addProjectAccess",
        ADMIN,
        "Give a project access to a private volume type.",
        _TYPE_ACCESS_ACTION,
    ),
    route_rule(
        f"{_TYPE_ACCESS_RULE}:removeProjectAccess",
        ADMIN,
        "Revoke a project's access to a private volume type.",
        _TYPE_ACCESS_ACTION,
    ),
]

_TYPE_ENCRYPTION_RULE = "volume_extension:volume_type_encryption"
_TYPE_ENCRYPTION_TYPE = "/types/{type_id}/encryption"
_TYPE_ENCRYPTION_VOLUME = "/volumes/{volume_id}/encryption"

TYPE_ENCRYPTION_RULES = [
    route_rule(
        f"{_TYPE_ENCRYPTION_RULE}:create",
        ADMIN,
        "Create the encryption of a volume type.",
        f"POST {_TYPE_ENCRYPTION_TYPE}",
    ),
    route_rule(
        f"{_TYPE_ENCRYPTION_RULE}:get",
        ADMIN,
        "Show the encryption of a volume type.",
        f"GET {_TYPE_ENCRYPTION_TYPE}",
        f"GET {_TYPE_ENCRYPTION_TYPE}/{{encryption_id}}",
    ),
    route_rule(
        f"{_TYPE_ENCRYPTION_RULE}:update",
        ADMIN,
        "Change the encryption of a volume type.",
        f"PUT {_TYPE_ENCRYPTION_TYPE}/{{encryption_id}}",
    ),
    route_rule(
        f"{_TYPE_ENCRYPTION_RULE}:delete",
        ADMIN,
        "Delete the encryption of a volume type.",
        f"DELETE {_TYPE_ENCRYPTION_TYPE}/{{encryption_id}}",
    ),
    route_rule(
        "volume_extension:volume_encryption_metadata",
        READER,
        "Show the encryption of a volume. No volume is encrypted.",
        f"GET {_TYPE_ENCRYPTION_VOLUME}",
        f"GET {_TYPE_ENCRYPTION_VOLUME}/{{encryption_key}}",
    ),
]

_QOS_SPEC_RULE = "volume_extension:qos_specs_manage"
_QOS_SPEC = "/qos-specs/{specs_id}"

QOS_SPEC_RULES = [
    route_rule(f"{_QOS_SPEC_RULE}:create", ADMIN, "Create QoS specs.", "POST /qos-specs"),
    route_rule(f"{_QOS_SPEC_RULE}:get_all", ADMIN, "List QoS specs.", "GET /qos-specs"),
    route_rule(
        f"{_QOS_SPEC_RULE}:get",
        ADMIN,
        "Show QoS specs and the volume types associated with them.",
        f"GET {_QOS_SPEC}",
        f"GET {_QOS_SPEC}/associations",
    ),
    route_rule(
        f"{_QOS_SPEC_RULE}:update",
        ADMIN,
        "Change QoS specs and their associations with volume types.",
        f"PUT {_QOS_SPEC}",
        f"PUT {_QOS_SPEC}/delete_keys",
        f"GET {_QOS_SPEC}/associate",
        f"GET {_QOS_SPEC}/disassociate",
        f"GET {_QOS_SPEC}/disassociate_all",
    ),
    route_rule(f"{_QOS_SPEC_RULE}:delete", ADMIN, "Delete QoS specs.", f"DELETE {_QOS_SPEC}"),
]

_DEFAULT_TYPE = "/default-types/{target_id}"

DEFAULT_TYPE_RULES = [
    route_rule(
        "volume_extension:default_get_all",
        ADMIN,
        "List the projects that have their own default volume type.",
        "GET /default-types",
    ),
    route_rule(
        "volume_extension:default_get",
        ADMIN,
        "Show a project's own default volume type.",
        f"GET {_DEFAULT_TYPE}",
    ),
    route_rule(
        "volume_extension:default_set_or_update",
        ADMIN,
        "Set a project's own default volume type.",
        f"PUT {_DEFAULT_TYPE}",
    ),
    route_rule(
        "volume_extension:default_unset",
        ADMIN,
        "Delete a project's own default volume type; the configured one applies again.",
        f"DELETE {_DEFAULT_TYPE}",
    ),
]
