"""Rules for flows: the history of operations, and what can be done about one."""

from __future__ import annotations

from cgflow.policies.base import ADMIN, READER, guard

_ACTION = "POST /flows/{flow_id}/action"

RULES = [
    guard("flow:get_all", READER, "List flows.", "GET /flows"),
    guard("flow:get", READER, "Show a flow with its tasks.", "GET /flows/{flow_id}"),
    guard("flow:get_events", READER, "Read the history of a flow.", "GET /flows/{flow_id}/events"),
    guard("flow:get_graph", READER, "Draw a flow.", "GET /flows/{flow_id}/graph"),
    guard("flow:retry", ADMIN, "Try a failed rollback again.", _ACTION),
    guard("flow:skip", ADMIN, "Declare a task undone whose undo failed.", _ACTION),
    guard(
        "flow:abandon", ADMIN, "Give up a failed rollback, or what goes on failing after its commit.", _ACTION
    ),
    guard("flow:cancel", ADMIN, "Have a running flow undone.", _ACTION),
    guard("flow:resume", ADMIN, "Take up a flow that stands still.", _ACTION),
]
