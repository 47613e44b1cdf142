"""Flows and their events as the API returns them, for tests of what the CLI shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from api.schemas.flow import TaskOut
from cgflow import clock
from cgflow.atom_states import fold_transitions

BEGUN = datetime(2026, 11, 22, 10, 19, 45, tzinfo=UTC)
FLOW = "f1000000-0000-4000-8000-000000000001"
RESOURCE = "50000000-0000-4000-8000-000000000002"


def flow_body(state: str = "success", **more: Any) -> dict[str, Any]:
    """Return a flow of the operation cgsnapshot.create."""
    return {
        "id": FLOW,
        "operation": "cgsnapshot.create",
        "state": state,
        "resource_type": "cgsnapshot",
        "resource_id": RESOURCE,
        "consistencygroup_id": "90000000-0000-4000-8000-000000000003",
        "project_id": "admin",
        "user_id": "alice",
        "request_id": "req-1",
        "version": 1,
        "epoch": 1,
        "conductor": "host-a",
        "reason": None,
        "created_at": wire_time(-4),
        "started_at": wire_time(0),
        "ended_at": wire_time(412),
        "duration_ms": 412.0,
        "tasks": [],
        "leftovers": [],
        **more,
    }


def wire_time(ms: float) -> str:
    """Return the time that is this many milliseconds after the start of the flow."""
    return (BEGUN + timedelta(milliseconds=ms)).replace(tzinfo=None).isoformat(timespec="microseconds")


def _wire_value(value: Any) -> Any:
    """Return a value as the API shows it to an administrator."""
    return clock.iso(value.replace(tzinfo=None)) if isinstance(value, datetime) else value


class EventSequence:
    """Events in order: ``story.step("a", 3, 10)`` is a step that starts at 3 ms and takes 10 ms."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def move(
        self, task: str | None, to: str, ms: float, took: float | None = None, **more: Any
    ) -> EventSequence:
        self.events.append(
            {
                "seq": len(self.events) + 1,
                "at": wire_time(ms),
                "task": task,
                "from": None,
                "to": to,
                "attempt": 1,
                "duration_ms": took,
                "conductor": "host-a",
                "result": None,
                "failure": None,
                **more,
            }
        )
        return self

    def tasks(self) -> list[dict[str, Any]]:
        """Return the tasks as the service shows them after these events."""
        moves = [
            (
                *(event["task"], event["to"], datetime.fromisoformat(event["at"]), event["attempt"]),
                *(event["duration_ms"], event["conductor"]),
                {key: event[key] for key in ("result", "failure") if event[key] is not None},
            )
            for event in self.events
            if event["task"] is not None
        ]
        fields = {field.data_key or name: name for name, field in TaskOut().fields.items()}
        return [
            {key: _wire_value(getattr(state, name)) for key, name in fields.items()}
            for state in fold_transitions(moves)
        ]

    def step(self, task: str, ms: float, took: float, **more: Any) -> EventSequence:
        return self.move(task, "RUNNING", ms).move(task, "SUCCESS", ms + took, took, **more)

    def fails(self, task: str, ms: float, took: float, kind: str, message: str) -> EventSequence:
        failure = {"type": kind, "message": message, "where": None}
        return self.move(task, "RUNNING", ms).move(task, "FAILURE", ms + took, took, failure=failure)

    def undoes(self, task: str, ms: float, took: float) -> EventSequence:
        return self.move(task, "REVERTING", ms).move(task, "REVERTED", ms + took, took)

    def cannot_undo(self, task: str, ms: float, took: float, message: str) -> EventSequence:
        failure = {"type": "FinalDriverError", "message": message, "where": None}
        return self.move(task, "REVERTING", ms).move(task, "REVERT_FAILURE", ms + took, took, failure=failure)
