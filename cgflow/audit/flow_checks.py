"""Flows that have not ended and do not make progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from cgflow.atom_states import undo_retry_text
from cgflow.audit.database_snapshot import DatabaseSnapshot, OpenFlow
from cgflow.audit.findings import Finding
from cgflow.errors import FlowMismatch
from cgflow.status import FlowState

VersionLookup = Callable[[str], int]
"""Returns this build's version of an operation. Raises: FlowMismatch, if it has none."""


def reject_every_operation(operation: str) -> int:
    """Know no operation: for audits of the storage alone. Raises: FlowMismatch."""
    raise FlowMismatch(f"No operation is known, {operation} neither.")


ActiveFlows = Callable[[], frozenset[str]]
"""Returns the flows that this process runs, has queued, or will take up once their owner is fenced."""


def find_stuck_flows(
    before: DatabaseSnapshot,
    after: DatabaseSnapshot,
    *,
    version_of: VersionLookup,
    conductor: str,
    active_flow_ids: frozenset[str],
    now: datetime,
    long_s: float,
) -> Iterator[Finding]:
    """Return the flows that stand still at both reads of the database.

    ``conductor`` is the name of this process. ``active_flow_ids`` are the flows that it was running
    between the reads; such a flow is not reported as standing still. A flow that no process has
    taken up yet is reported after ``long_s`` seconds.
    """
    old = now - timedelta(seconds=long_s)
    for flow in after.open_flows.values():
        earlier = before.open_flows.get(flow.id)
        if flow.has_failed_undo:
            yield _finding_about_flow(
                flow, "flow.undo_failed", f"could not be undone. {_describe_undo_retry(flow)}"
            )
        if flow.state is FlowState.ROLLBACK_FAILED:
            continue
        if not _has_definition(flow, version_of):
            yield _finding_about_flow(
                flow, "flow.unknown", f"is of version {flow.version}, which this build does not have"
            )
        elif flow.is_failing and (flow.id in active_flow_ids or flow.conductor != conductor):
            if earlier is not None and earlier.is_failing:
                yield _finding_about_flow(
                    flow, "flow.failing", f"is running and goes on failing. {flow.reason}".rstrip(".")
                )
        elif earlier is None or (earlier.epoch, earlier.reason) != (flow.epoch, flow.reason):
            continue
        elif flow.id not in active_flow_ids and _is_active_nowhere(flow, conductor, old):
            why = f": {flow.reason}" if flow.reason else ""
            yield _finding_about_flow(
                flow, "flow.standing", f"is {flow.state}, but no conductor is running it{why}"
            )


def _describe_undo_retry(flow: OpenFlow) -> str:
    if flow.state is FlowState.ROLLBACK_FAILED:
        return undo_retry_text(flow.id, flow.undo_at).removesuffix(".")
    return "The undo is being tried again now"


def _is_active_nowhere(flow: OpenFlow, conductor: str, old: datetime) -> bool:
    """Return whether a flow that is not active here is active nowhere.

    It has a reason, no conductor has taken it up for long, or it was ours.
    """
    if flow.reason is not None:
        return True
    if flow.state is FlowState.ACCEPTED or flow.conductor is None:
        # It belongs to a conductor from its acceptance on, which is told of it a moment later.
        return flow.created_at < old
    return flow.conductor == conductor


def _has_definition(flow: OpenFlow, version_of: VersionLookup) -> bool:
    try:
        return version_of(flow.operation) == flow.version
    except FlowMismatch:
        return False


def _finding_about_flow(flow: OpenFlow, code: str, what: str) -> Finding:
    message = f"Flow {flow.id} ({flow.operation}) {what}."
    return Finding(code=code, subject=flow.id, message=message, noun="flow", name=flow.operation)
