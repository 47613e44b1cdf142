"""Follow a flow: its steps redrawn on a terminal, otherwise one line per transition, nothing with JSON.

Times are relative to the start of the flow, so that the last line states its duration; the time that the flow
waited before is added in parentheses.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from rich.live import Live

from cgflow.atom_states import action_of
from cgflow.cli import flow_report, formatting
from cgflow.cli.output import Output
from cgflow.client.errors import ServiceError, ServiceUnreachable
from cgflow.client.flows import Flows
from cgflow.status import FlowState

_WORTH_TELLING_MS = 1000

_WORDS = {
    "RUNNING": "running",
    "SUCCESS": "done",
    "FAILURE": "failed",
    "REVERTING": "being undone",
    "REVERTED": "undone",
    "REVERT_FAILURE": "undo FAILED",
    "RETRYING": "to be tried again",
    "SKIPPED": "undo skipped",
}


def watch(output: Output, flows: Flows, flow_id: str, timeout: float | None) -> dict[str, Any]:
    """Print a flow's progress for people until it ends, and return the flow. Raises: as ``Flows.follow``."""
    seen: list[dict[str, Any]] = []
    batches = flows.follow_batches(flow_id, timeout=timeout)
    with output.live() as live:
        while True:
            try:
                batch = next(batches)
            except StopIteration as end:
                flow: dict[str, Any] = end.value
                break
            for event in batch:
                seen.append(event)
                line = transition(event, _begun(seen)) if live is None else None
                if line is not None:
                    output.line(line)
            if live is not None:
                _redraw(output, live, flows, flow_id, _begun(seen))
        if live is not None:
            output.redraw(live, flow_report.step_lines(flow["tasks"], _begun(seen)))
    output.line(_end(flow, seen))
    return flow


def stream(output: Output, flows: Flows, flow_id: str, timeout: float | None) -> dict[str, Any]:
    """Print a flow's events for programs, one per line, and the flow on the last line; return the flow."""
    events = flows.follow(flow_id, timeout=timeout)
    while True:
        try:
            output.json_line(next(events))
        except StopIteration as end:
            flow: dict[str, Any] = end.value
            output.json_line({"flow": flow})
            return flow


def _redraw(output: Output, live: Live, flows: Flows, flow_id: str, begun: datetime | None) -> None:
    # Following the flow reports an error that lasts.
    with suppress(ServiceUnreachable, ServiceError):
        output.redraw(live, flow_report.step_lines(flows.get(flow_id)["tasks"], begun))


def transition(event: dict[str, Any], begun: datetime | None) -> str | None:
    """Return one transition as a line, or None for one that is of no use to people."""
    word = event["to"] if event["task"] is None else _WORDS.get(event["to"])
    if word is None:
        return None
    is_action = action_of(event) is not None
    told = formatting.event(event) if is_action or event.get("failure") else ""
    took = formatting.duration(event.get("duration_ms")) if event["to"] in _ENDS else ""
    parts = (
        formatting.offset(formatting.moment(event["at"]), begun).rjust(10),
        event["task"] or "flow",
        word,
        took,
        told,
    )
    return "  ".join(filter(None, parts))


_ENDS = ("SUCCESS", "FAILURE", "REVERTED", "REVERT_FAILURE")


def _begun(seen: list[dict[str, Any]]) -> datetime | None:
    """Return when a conductor first ran the flow; None, if none has yet."""
    own = (event["at"] for event in seen if event["task"] is not None or event["to"] != FlowState.ACCEPTED)
    return formatting.moment(next(own, None))


def _end(flow: dict[str, Any], seen: list[dict[str, Any]]) -> str:
    words = [f"{flow['operation']} {flow['state']}"]
    begun = _begun(seen)
    if begun is not None:
        words.append(f"after {formatting.duration(_ms(begun, seen[-1]))}")
        waited = _ms(begun, seen[0])
        if waited < -_WORTH_TELLING_MS:
            words.append(f"(having waited {formatting.duration(-waited)})")
    return " ".join(words)


def _ms(begun: datetime, event: dict[str, Any]) -> float:
    at = formatting.moment(event["at"])
    return 0.0 if at is None else (at - begun).total_seconds() * 1000
