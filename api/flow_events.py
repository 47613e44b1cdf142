"""The trace and the events of a flow. Events can be read with a long poll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.request_scope import caller, runtime
from cgflow.atom_states import AtomState, summary, unrecorded_cancel
from cgflow.db.repositories import flow as flows
from cgflow.records import Flow, FlowEvent
from cgflow.status import UNFINISHED


@dataclass(frozen=True, kw_only=True)
class TracedFlow(Flow):
    """A flow with the state of each step, the flow actions on it, and the leftovers that are removed."""

    tasks: list[AtomState]
    actions: list[dict[str, Any]]
    removed: list[dict[str, object]]
    summary: str


def trace(flow_id: str) -> TracedFlow:
    """Return a flow and its tasks, read in one transaction. Raises: NotFound."""
    with runtime().database.read() as session:
        flow = flows.get(session, flow_id, caller().scope)
        actions = flows.actions(session, flow_id)
        if (pending := unrecorded_cancel(flow, actions)) is not None:
            actions.append(pending)
        left, removed = flows.leftovers_now(session, flow)
        return TracedFlow(
            **vars(flow) | {"leftovers": left},
            tasks=flows.atoms(session, flow_id),
            actions=actions,
            removed=removed,
            summary=summary(flow, actions),
        )


def events(flow_id: str, *, after: int, wait: float, limit: int) -> list[FlowEvent]:
    """Return a flow's events after ``after``. Raises: NotFound.

    If there are none and the flow has not ended, wait up to ``wait`` seconds for the first.
    """
    found, has_ended = _read(flow_id, after, limit)
    if found or has_ended or not wait:
        return found
    # No transaction is open during the wait.
    runtime().watch.wait(flow_id, after, wait, caller().project_id)
    return _read(flow_id, after, limit)[0]


def _read(flow_id: str, after: int, limit: int) -> tuple[list[FlowEvent], bool]:
    with runtime().database.read() as session:
        flow = flows.line(session, flow_id, caller().scope)
        return flows.events(session, flow_id, after, limit), flow.state not in UNFINISHED
