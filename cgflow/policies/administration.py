"""Rules for quota, backends, services, messages, flows and the audit."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, AUDITOR, OWNER, READER, guard

_QUOTA_SET = "/os-quota-sets/{target_id}"
_QUOTA_CLASS = "/os-quota-class-sets/{class_name}"

QUOTA_RULES = [
    guard(
        "volume_extension:quotas:show",
        READER,
        "Show the quota of a project; checked with that project.",
        f"GET {_QUOTA_SET}",
        f"GET {_QUOTA_SET}/defaults",
    ),
    guard("volume_extension:quotas:update", ADMIN, "Set the quota of a project.", f"PUT {_QUOTA_SET}"),
    guard(
        "volume_extension:quotas:delete", ADMIN, "Give a project the defaults again.", f"DELETE {_QUOTA_SET}"
    ),
    guard("volume_extension:quota_classes:get", ADMIN, "Show the default quota.", f"GET {_QUOTA_CLASS}"),
    guard("volume_extension:quota_classes:update", ADMIN, "Set the default quota.", f"PUT {_QUOTA_CLASS}"),
    guard("limits_extension:used_limits", READER, "Show limits and usage of one's project.", "GET /limits"),
]

POOL_RULES = [
    guard(
        "scheduler_extension:scheduler_stats:get_pools",
        ADMIN,
        "List the pools, with what they report of themselves.",
        "GET /scheduler-stats/get_pools",
    ),
]

SERVICE_RULES = [
    guard("volume_extension:services:index", ADMIN, "List the parts of the service.", "GET /os-services"),
    guard(
        "volume_extension:services:update",
        ADMIN,
        "Enable or disable a backend, set and show the levels of the log.",
        "PUT /os-services/{action}",
        "PUT /os-services/set-log",
        "PUT /os-services/get-log",
    ),
    guard(
        "volume_extension:hosts",
        ADMIN,
        "List hosts, and what each holds.",
        "GET /os-hosts",
        "GET /os-hosts/{host}",
    ),
    guard(
        "volume_extension:capabilities",
        ADMIN,
        "Show what a backend says of itself.",
        "GET /capabilities/{host}",
    ),
]

MESSAGE_RULES = [
    guard("message:get_all", READER, "List messages.", "GET /messages"),
    guard("message:get", READER, "Show a message.", "GET /messages/{message_id}"),
    guard("message:delete", OWNER, "Delete a message.", "DELETE /messages/{message_id}"),
]

EXTENSION_RULES = [
    guard("extension:get_all", READER, "List the extensions that are offered.", "GET /extensions"),
    guard("extension:get", READER, "Show an extension.", "GET /extensions/{alias}"),
    guard("resource_filter:get_all", READER, "List what lists are filtered by.", "GET /resource_filters"),
]

AVAILABILITY_ZONE_RULES = [
    guard(
        "volume_extension:availability_zone_list",
        READER,
        "List the availability zones.",
        "GET /os-availability-zone",
    ),
]

_FLOW_ACTION = "POST /flows/{flow_id}/action"

FLOW_RULES = [
    guard("flow:get_all", READER, "List flows.", "GET /flows"),
    guard("flow:get", READER, "Show a flow with its tasks.", "GET /flows/{flow_id}"),
    guard("flow:get_events", READER, "Read the history of a flow.", "GET /flows/{flow_id}/events"),
    guard("flow:get_graph", READER, "Draw a flow.", "GET /flows/{flow_id}/graph"),
    guard("flow:retry", ADMIN, "Try a failed rollback again.", _FLOW_ACTION),
    guard("flow:skip", ADMIN, "Declare a task undone whose undo failed.", _FLOW_ACTION),
    guard(
        "flow:abandon",
        ADMIN,
        "Give up a failed rollback, or what goes on failing after its commit.",
        _FLOW_ACTION,
    ),
    guard("flow:cancel", ADMIN, "Have a running flow undone.", _FLOW_ACTION),
    guard("flow:resume", ADMIN, "Take up a flow that stands still.", _FLOW_ACTION),
]

AUDIT_RULES = [
    guard("audit:get", AUDITOR, "Compare records, quota, flows and backends.", "GET /audit"),
    guard("audit:repair", ADMIN, "Have what an audit finds repaired.", "POST /audit"),
]
