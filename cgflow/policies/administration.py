"""Rules for quota, backends, services, messages, flows and the audit."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, AUDITOR, OWNER, READER, route_rule

_QUOTA_SET = "/os-quota-sets/{target_id}"
_QUOTA_CLASS = "/os-quota-class-sets/{class_name}"

QUOTA_RULES = [
    route_rule(
        "volume_extension:quotas:show",
        READER,
        "Show the quota of a project. The rule is checked with that project.",
        f"GET {_QUOTA_SET}",
        f"GET {_QUOTA_SET}/defaults",
    ),
    route_rule("volume_extension:quotas:update", ADMIN, "Set the quota of a project.", f"PUT {_QUOTA_SET}"),
    route_rule(
        "volume_extension:quotas:delete",
        ADMIN,
        "Reset the quota of a project to the defaults.",
        f"DELETE {_QUOTA_SET}",
    ),
    route_rule("volume_extension:quota_classes:get", ADMIN, "Show the default quota.", f"GET {_QUOTA_CLASS}"),
    route_rule(
        "volume_extension:quota_classes:update", ADMIN, "Set the default quota.", f"PUT {_QUOTA_CLASS}"
    ),
    route_rule(
        "limits_extension:used_limits",
        READER,
        "Show limits and usage of the caller's project.",
        "GET /limits",
    ),
]

POOL_RULES = [
    route_rule(
        "scheduler_extension:scheduler_stats:get_pools",
        ADMIN,
        "List the pools with their capabilities.",
        "GET /scheduler-stats/get_pools",
    ),
]

SERVICE_RULES = [
    route_rule("volume_extension:services:index", ADMIN, "List the services.", "GET /os-services"),
    route_rule(
        "volume_extension:services:update",
        ADMIN,
        "Enable or disable a backend; set or show log levels.",
        "PUT /os-services/{action}",
        "PUT /os-services/set-log",
        "PUT /os-services/get-log",
    ),
    route_rule(
        "volume_extension:hosts",
        ADMIN,
        "List the hosts with the resources on each.",
        "GET /os-hosts",
        "GET /os-hosts/{host}",
    ),
    route_rule(
        "volume_extension:capabilities",
        ADMIN,
        "Show the capabilities of a backend.",
        "GET /capabilities/{host}",
    ),
]

MESSAGE_RULES = [
    route_rule("message:get_all", READER, "List messages.", "GET /messages"),
    route_rule("message:get", READER, "Show a message.", "GET /messages/{message_id}"),
    route_rule("message:delete", OWNER, "Delete a message.", "DELETE /messages/{message_id}"),
]

EXTENSION_RULES = [
    route_rule("extension:get_all", READER, "List the extensions.", "GET /extensions"),
    route_rule("extension:get", READER, "Show an extension.", "GET /extensions/{alias}"),
    route_rule("resource_filter:get_all", READER, "List the filters of lists.", "GET /resource_filters"),
]

AVAILABILITY_ZONE_RULES = [
    route_rule(
        "volume_extension:availability_zone_list",
        READER,
        "List the availability zones.",
        "GET /os-availability-zone",
    ),
]

_FLOW_ACTION = "POST /flows/{flow_id}/action"

FLOW_RULES = [
    route_rule("flow:get_all", READER, "List flows.", "GET /flows"),
    route_rule("flow:get", READER, "Show a flow with its steps.", "GET /flows/{flow_id}"),
    route_rule("flow:get_events", READER, "Show the events of a flow.", "GET /flows/{flow_id}/events"),
    route_rule("flow:get_graph", READER, "Show the graph of a flow.", "GET /flows/{flow_id}/graph"),
    route_rule("flow:retry", ADMIN, "Retry a failed rollback.", _FLOW_ACTION),
    route_rule("flow:skip", ADMIN, "Skip a step whose undo failed.", _FLOW_ACTION),
    route_rule(
        "flow:abandon",
        ADMIN,
        "Abandon a flow whose rollback failed, or that keeps failing after its commit.",
        _FLOW_ACTION,
    ),
    route_rule("flow:cancel", ADMIN, "Cancel a running flow.", _FLOW_ACTION),
    route_rule("flow:resume", ADMIN, "Resume a flow that no conductor is running.", _FLOW_ACTION),
]

AUDIT_RULES = [
    route_rule("audit:get", AUDITOR, "Run an audit.", "GET /audit"),
    route_rule("audit:repair", ADMIN, "Repair findings of an audit.", "POST /audit"),
]
