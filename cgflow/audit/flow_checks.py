"""Flows that have not ended and do not go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from cgflow.atom_states import waits_for
from cgflow.audit.database_snapshot import DatabaseSnapshot, OpenFlow
from cgflow.audit.finding import Finding
from cgflow.errors import FlowMismatch
from cgflow.status import FlowState

Knows = Callable[[str], int]
"""Returns the version in which this build has an operation. Raises: FlowMismatch."""


def knows_none(operation: str) -> int:
    """Know no operation: for who asks about storage alone."""
    raise FlowMismatch(f"No operation is known, {operation} neither.")


InHand = Callable[[], frozenset[str]]
"""Returns the flows that this process has in hand: at work, queued, or waiting for a fence."""


def compare(
    before: DatabaseSnapshot,
    after: DatabaseSnapshot,
    *,
    version_of: Knows,
    conductor: str,
    active_flow_ids: frozenset[str],
    now: datetime,
    long_s: float,
) -> Iterator[Finding]:
    """Name the flows that stand still at both looks.

    ``conductor`` is the name of this process, ``active_flow_ids`` the flows it was running
    between the looks: one that it was running then had ended by the second, or
    is left out. A flow that no process has taken yet counts after ``long_s`` seconds.
    """
    old = now - timedelta(seconds=long_s)
    for flow in after.flows.values():
        earlier = before.flows.get(flow.id)
        if flow.has_failed_undo:
            yield _of(flow, "flow.undo_failed", f"could not be undone. {_waits_for(flow)}")
        if flow.state is FlowState.ROLLBACK_FAILED:
            continue
        if not _fits(flow, version_of):
            yield _of(flow, "flow.unknown", f"is of version {flow.version}, which this build does not have")
        elif flow.is_failing and (flow.id in active_flow_ids or flow.conductor != conductor):
            if earlier is not None and earlier.is_failing:
                yield _of(flow, "flow.failing", f"is running and goes on failing. {flow.reason}".rstrip("."))
        elif earlier is None or (earlier.epoch, earlier.reason) != (flow.epoch, flow.reason):
            continue
        elif flow.id not in active_flow_ids and _is_left(flow, conductor, old):
            why = f": {flow.reason}" if flow.reason else ""
            yield _of(flow, "flow.standing", f"is {flow.state}, and nobody is at work on it{why}")


def _waits_for(flow: OpenFlow) -> str:
    if flow.state is FlowState.ROLLBACK_FAILED:
        return waits_for(flow.id, flow.undo_at).removesuffix(".")
    return "The undo is being tried again now"


def _is_left(flow: OpenFlow, conductor: str, old: datetime) -> bool:
    """Whether a flow not in hand here is in nobody's: it says so, was ours, or nobody came for long."""
    if flow.reason is not None or flow.conductor == conductor:
        return True
    return flow.conductor is None and flow.created_at < old


def _fits(flow: OpenFlow, version_of: Knows) -> bool:
    try:
        return version_of(flow.operation) == flow.version
    except FlowMismatch:
        return False


def _of(flow: OpenFlow, code: str, what: str) -> Finding:
    message = f"Flow {flow.id} ({flow.operation}) {what}."
    return Finding(code=code, subject=flow.id, message=message, noun="flow", name=flow.operation)
