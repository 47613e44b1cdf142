"""Flow actions of an operator: retry, skip, abandon, resume, cancel. The flow's history records each."""

from __future__ import annotations

from cgflow.context import RequestContext
from cgflow.db.repositories import flow as flows
from cgflow.engine import conductor, flow_actions
from cgflow.errors import InvalidState
from cgflow.status import UNFINISHED
from flows.runtime import Runtime


def retry(runtime: Runtime, context: RequestContext, flow_id: str, reason: str | None = None) -> None:
    """Retry a failed rollback now. Raises: NotFound, InvalidState."""
    with runtime.accepting_transaction(flow_id) as session:
        flows.get(session, flow_id, context.scope)
        seq = flow_actions.retry_rollback(session, flow_id, _actor_of_context(context), reason)
    _wake_after_commit(runtime, flow_id, seq)


def skip(runtime: Runtime, context: RequestContext, flow_id: str, *, task: str, reason: str) -> None:
    """Declare a step reverted whose revert failed, and revert the rest. Raises: NotFound, InvalidState."""
    with runtime.accepting_transaction(flow_id) as session:
        flows.get(session, flow_id, context.scope)
        seq = flow_actions.skip_failed_undo(session, flow_id, task, _actor_of_context(context), reason)
    _wake_after_commit(runtime, flow_id, seq)


def abandon(runtime: Runtime, context: RequestContext, flow_id: str, *, reason: str) -> None:
    """Give up a failed rollback, or a flow that keeps failing after its commit.

    Raises: NotFound, InvalidState.
    """
    with runtime.database.write() as session:
        flows.get(session, flow_id, context.scope)
        seq = flow_actions.abandon_flow(session, flow_id, _actor_of_context(context), reason)
    runtime.on_commit(lambda: runtime.event_signal.publish(flow_id, seq))


def cancel(runtime: Runtime, context: RequestContext, flow_id: str, *, reason: str) -> None:
    """Cancel a running flow, so that it is undone at its next step.

    Raises: NotFound; InvalidState, also if the flow is committed.
    """
    with runtime.database.write() as session:
        operation = flows.get(session, flow_id, context.scope).operation
        request = flow_actions.request_cancel(
            session, flow_id, _actor_of_context(context), reason, runtime.remedy_of(operation)
        )
    if request.seq is not None:
        seq = request.seq
        runtime.on_commit(lambda: runtime.event_signal.publish(flow_id, seq))
    runtime.on_commit(lambda: runtime.conductor.cancel(flow_id, request))


def resume(runtime: Runtime, context: RequestContext, flow_id: str) -> None:
    """Resume an unfinished flow that no conductor is running. Raises: NotFound, InvalidState."""
    with runtime.database.read() as session:
        flow = flows.get(session, flow_id, context.scope)
    if flow.state not in UNFINISHED:
        raise InvalidState(
            f"Flow {flow_id} has ended, its state is {flow.state}. Only unfinished flows can be resumed."
        )
    if runtime.conductor.runs_flow(flow_id):
        raise InvalidState(
            f"Flow {flow_id} is running already. Only a flow that no conductor runs can be resumed."
        )
    resumed = flow_actions.action_to_json("resume", _actor_of_context(context), None)
    runtime.on_commit(lambda: runtime.conductor.submit_flow(flow_id, resumed))


def retry_automatically(runtime: Runtime, flow_id: str) -> None:
    """Retry a failed rollback automatically, when its pause is over."""
    with runtime.accepting_transaction(flow_id) as session:
        flow = flows.get(session, flow_id, None)
        if flow.undo_at is None:
            # An operator has already acted on the flow.
            return
        reason = f"Automatic retry {flow.undo_attempts} of {conductor.UNDO_ATTEMPTS}."
        seq = flow_actions.retry_rollback(session, flow_id, flow_actions.AUTOMATIC, reason)
    _wake_after_commit(runtime, flow_id, seq)


def _wake_after_commit(runtime: Runtime, flow_id: str, seq: int) -> None:
    runtime.on_commit(lambda: runtime.event_signal.publish(flow_id, seq))
    runtime.on_commit(lambda: runtime.conductor.submit_flow(flow_id))


def _actor_of_context(context: RequestContext) -> flow_actions.Actor:
    return flow_actions.Actor(context.user_id, context.request_id)
