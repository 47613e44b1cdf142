"""What an operator does about a flow: retry, skip, abandon, resume, cancel. Each is told in its history."""

from __future__ import annotations

from cgflow.context import RequestContext
from cgflow.db.repositories import flow as flows
from cgflow.engine import conductor, flow_actions
from cgflow.errors import InvalidState
from cgflow.status import UNFINISHED
from flows.acceptance import Desk
from flows.catalog import remedy_of


def retry(desk: Desk, context: RequestContext, flow_id: str, reason: str | None = None) -> None:
    """Try a failed rollback again, now. Raises: NotFound, InvalidState."""
    with desk.writing(flow_id) as session:
        flows.get(session, flow_id, context.scope)
        seq = flow_actions.retry(session, flow_id, _actor(context), reason)
    _go_on(desk, flow_id, seq)


def skip(desk: Desk, context: RequestContext, flow_id: str, *, task: str, reason: str) -> None:
    """Declare a step undone whose undo failed, and undo the rest. Raises: NotFound, InvalidState."""
    with desk.writing(flow_id) as session:
        flows.get(session, flow_id, context.scope)
        seq = flow_actions.skip(session, flow_id, task, _actor(context), reason)
    _go_on(desk, flow_id, seq)


def abandon(desk: Desk, context: RequestContext, flow_id: str, *, reason: str) -> None:
    """Give up a failed rollback, or what goes on failing after its commit. Raises: NotFound, InvalidState."""
    with desk.database.write() as session:
        flows.get(session, flow_id, context.scope)
        seq = flow_actions.abandon(session, flow_id, _actor(context), reason)
    desk.afterwards(lambda: desk.watch.publish(flow_id, seq))


def cancel(desk: Desk, context: RequestContext, flow_id: str, *, reason: str) -> None:
    """Have a running flow undone at its next step.

    Raises: NotFound; InvalidState, also when its change is committed.
    """
    with desk.database.write() as session:
        operation = flows.get(session, flow_id, context.scope).operation
        request = flow_actions.cancel(session, flow_id, _actor(context), reason, remedy_of(operation))
    if request.seq is not None:
        seq = request.seq
        desk.afterwards(lambda: desk.watch.publish(flow_id, seq))
    desk.afterwards(lambda: desk.conductor.cancel(flow_id, request))


def resume(desk: Desk, context: RequestContext, flow_id: str) -> None:
    """Take up again a flow that stands still without having ended. Raises: NotFound, InvalidState."""
    with desk.database.read() as session:
        flow = flows.get(session, flow_id, context.scope)
    if flow.state not in UNFINISHED:
        raise InvalidState(f"Flow {flow_id} has ended: it is {flow.state}.")
    if desk.conductor.is_running(flow_id):
        raise InvalidState(f"Flow {flow_id} is under way; there is nothing to resume.")
    resumed = flow_actions.action("resume", _actor(context), None)
    desk.afterwards(lambda: desk.conductor.wake(flow_id, resumed))


def retry_by_itself(desk: Desk, flow_id: str) -> None:
    """Try a failed rollback again because its pause is over."""
    with desk.writing(flow_id) as session:
        flow = flows.get(session, flow_id, None)
        if flow.undo_at is None:
            # An operator was faster.
            return
        which = f"Automatic retry {flow.undo_attempts} of {conductor.UNDO_ATTEMPTS}."
        seq = flow_actions.retry(session, flow_id, flow_actions.BY_ITSELF, which)
    _go_on(desk, flow_id, seq)


def _go_on(desk: Desk, flow_id: str, seq: int) -> None:
    desk.afterwards(lambda: desk.watch.publish(flow_id, seq))
    desk.afterwards(lambda: desk.conductor.wake(flow_id))


def _actor(context: RequestContext) -> flow_actions.Actor:
    return flow_actions.Actor(context.user_id, context.request_id)
