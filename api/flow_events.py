"""Follow a flow: its events as they are written, with one question held open until there are some."""

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
    """A flow with the state of each step, what was done about it, and what of its leftovers is gone."""

    tasks: list[AtomState]
    actions: list[dict[str, Any]]
    removed: list[dict[str, object]]
    summary: str


def trace(flow_id: str) -> TracedFlow:
    """Return a flow and its tasks as they are at one moment. Raises: NotFound."""
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
    """Return the events after one; wait for the first, unless the flow has ended. Raises: NotFound."""
    found, has_ended = _read(flow_id, after, limit)
    if found or has_ended or not wait:
        return found
    # No transaction is open while the question is.
    runtime().watch.wait(flow_id, after, wait, caller().project_id)
    return _read(flow_id, after, limit)[0]


def _read(flow_id: str, after: int, limit: int) -> tuple[list[FlowEvent], bool]:
    with runtime().database.read() as session:
        flow = flows.line(session, flow_id, caller().scope)
        return flows.events(session, flow_id, after, limit), flow.state not in UNFINISHED
