"""Flow actions of an operator: each is one transaction and is recorded in the flow's history.

A flow whose rollback failed stands still and keeps its claims. *Retry* sets the atoms whose undo
failed to the state of a crash during the undo; the engine then continues as after any crash. *Skip*
declares one of these atoms undone, because the operator has done it. *Abandon* gives the flow up:
what is left is up to the operator and stays listed. *Cancel* has a running flow reverted at its
next step. A flow that has passed its point of no return cannot be cancelled; one that keeps failing
behind it can be abandoned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session
from taskflow import states

from cgflow import clock
from cgflow.atom_states import SKIPPED
from cgflow.db.models import ATOMDETAILS, FLOWDETAILS, Flow, FlowEvent
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.db.repositories.resource import ResourceRepository
from cgflow.errors import InvalidState, NotFound, to_sentence
from cgflow.quota import reservations
from cgflow.status import TRANSITIONAL, FlowState, Status, Trait, status_from_attachments, statuses_with

CANCELLABLE = (FlowState.ACCEPTED, FlowState.RUNNING)


@dataclass(frozen=True)
class Actor:
    """The user who acts on a flow, with the id of the request; without one, the service itself."""

    user_id: str
    request_id: str | None = None


AUTOMATIC = Actor("cgflow")


def retry_rollback(session: Session, flow_id: str, actor: Actor, reason: str | None = None) -> int:
    """Make a failed rollback ready for another attempt; return the number of the newest event.

    Raises: NotFound; InvalidState, unless the flow's rollback has failed.
    """
    row = _lock_flow_in_state(session, flow_id, (FlowState.ROLLBACK_FAILED,), "retried")
    _resume_rollback(session, row)
    done = action_to_json("retry", actor, reason)
    return _insert_event(session, row, None, FlowState.ROLLBACK_FAILED, FlowState.REVERTING, done)


def skip_failed_undo(session: Session, flow_id: str, task: str, actor: Actor, reason: str) -> int:
    """Declare one step undone whose undo failed, and continue; return the number of the newest event.

    Raises: NotFound; InvalidState, unless the rollback has failed at this step.
    """
    row = _lock_flow_in_state(session, flow_id, (FlowState.ROLLBACK_FAILED,), "told to skip a step")
    atom = (ATOMDETAILS.c.parent_uuid == flow_id, ATOMDETAILS.c.name == task)
    state = session.execute(select(ATOMDETAILS.c.state).where(*atom)).scalar_one_or_none()
    if state is None:
        raise NotFound(f"Flow {flow_id} has no step {task}. {_skippable_steps_message(session, flow_id)}")
    if state != states.REVERT_FAILURE:
        raise InvalidState(
            f"Step {task} of flow {flow_id} is {state}: only one whose undo failed is skipped. "
            f"{_skippable_steps_message(session, flow_id)}"
        )
    session.execute(update(ATOMDETAILS).where(*atom).values(state=states.REVERTED))
    left: dict[str, Any] = dict(row.leftovers or {})
    done = action_to_json("skip", actor, reason, task=task)
    left["skipped"] = [
        *left.get("skipped", ()),
        {**done, "state": SKIPPED, "at": clock.iso(clock.now())},
    ]
    _insert_event(session, row, task, state, SKIPPED, done)
    _resume_rollback(session, row)
    row.leftovers = left
    return _insert_event(session, row, None, FlowState.ROLLBACK_FAILED, FlowState.REVERTING, done)


def abandon_flow(session: Session, flow_id: str, actor: Actor, reason: str) -> int:
    """Give a flow up: release its claims and its reservation; return the number of its newest event.

    The flow is one whose rollback has failed, or that keeps failing behind its point of no return;
    a conductor that still runs it loses it.
    Raises: NotFound; InvalidState, for any other flow.
    """
    row = _lock_flow_in_state(session, flow_id, tuple(FlowState), "abandoned")
    is_committed = row.committed_at is not None
    goes_on_failing = row.state == FlowState.RUNNING and is_committed and row.reason
    if row.state != FlowState.ROLLBACK_FAILED and not goes_on_failing:
        raise InvalidState(
            f"Flow {flow_id} is {row.state}; only one whose rollback has failed, or that goes on failing "
            "after its change was committed, can be abandoned."
        )
    if row.state == FlowState.RUNNING:
        row.epoch += 1
        session.flush()
    reservations.cancel(session, flow_id)
    why = (
        f"Flow {flow_id} ({row.operation}) was abandoned by {actor.user_id}: {to_sentence(reason)} "
        "The flow lists what it left."
    )
    for resource_type, rows in REPOSITORIES.items():
        if _is_create_operation(row) and not is_committed:
            _stop_charging_created(session, rows, row)
        _release_claimed_resources(session, resource_type, row, why)
    done = action_to_json("abandon", actor, reason)
    event = _insert_event(session, row, None, row.state, FlowState.ABANDONED, done)
    row.state, row.undo_at, row.ended_at = FlowState.ABANDONED.value, None, clock.now()
    return event


@dataclass(frozen=True)
class CancelRequest:
    """An accepted cancel: the reason with which the next step fails, and the event's detail.

    ``seq`` is the number of the event. It is None if a conductor owns the flow: only its conductor
    numbers the events of a running flow.
    """

    reason: str
    detail: dict[str, Any]
    seq: int | None


def request_cancel(
    session: Session, flow_id: str, actor: Actor, reason: str, remedy: str = ""
) -> CancelRequest:
    """Record that a running flow is to be reverted.

    The lock on the flow's row orders the cancel and the commit. ``remedy`` says what to do if the
    commit came first.
    Raises: NotFound; InvalidState, if the flow has committed its operation, has ended, or is
    already being reverted.
    """
    row = _lock_flow_in_state(session, flow_id, CANCELLABLE, "cancelled")
    if row.committed_at is not None:
        raise InvalidState(
            f"Flow {flow_id} can no longer be cancelled: {row.operation} of {row.resource_type} "
            f"{row.resource_id} has committed its change. {remedy}".rstrip()
        )
    # The first cancel is the reason for the rollback; later ones are in the history only.
    row.cancel_reason = row.cancel_reason or f"Cancelled by {actor.user_id}: {reason}"
    done = action_to_json("cancel", actor, reason)
    # If the current owner cannot record the event, the next conductor of the flow does.
    row.leftovers = {"cancel": {**done, "at": clock.iso(clock.now())}, **(row.leftovers or {})}
    is_owned = row.conductor is not None
    seq = None if is_owned else _insert_event(session, row, None, row.state, row.state, done)
    return CancelRequest(row.cancel_reason, {"result": done}, seq)


def action_to_json(name: str, actor: Actor, reason: str | None, **more: str) -> dict[str, Any]:
    """Return a flow action in the form in which events store it."""
    done = {"action": name, "by": actor.user_id, "request_id": actor.request_id, "reason": reason}
    return {**done, **more}


def _skippable_steps_message(session: Session, flow_id: str) -> str:
    failed = (ATOMDETAILS.c.parent_uuid == flow_id, ATOMDETAILS.c.state == states.REVERT_FAILURE)
    names = session.scalars(select(ATOMDETAILS.c.name).where(*failed).order_by(ATOMDETAILS.c.name)).all()
    return f"Steps whose undo failed: {', '.join(names)}."


def flows_due_for_undo_retry(session: Session) -> list[str]:
    """Return the flows whose failed rollback is due for an automatic retry."""
    waiting = select(Flow.id).where(Flow.state == FlowState.ROLLBACK_FAILED, Flow.undo_at <= clock.now())
    return list(session.scalars(waiting.order_by(Flow.undo_at)))


def _release_claimed_resources(session: Session, resource_type: str, row: Flow, why: str) -> None:
    """Release the resources of one type that an abandoned flow holds, each with a suitable status."""
    rows, at_rest = REPOSITORIES[resource_type], statuses_with(resource_type, Trait.AT_REST)
    for thing in rows.list_where(session, rows.model.claimed_by == row.id):
        if not _is_made_by(row, thing) and thing.id != row.resource_id and thing.status in at_rest:
            rows.update_claimed(session, [thing.id], row.id, reason=None, claimed_by=None)
        else:
            rows.release_with_status(
                session, [thing.id], row.id, _status_after_abandon(resource_type, row, thing), why
            )


def _stop_charging_created(session: Session, rows: ResourceRepository[Any], row: Flow) -> None:
    """Stop counting what the flow created, released or not, against the quota; its sources still count."""
    let_go = rows.list_where(session, rows.model.flow_id == row.id, rows.model.claimed_by.is_(None))
    if again := [thing.id for thing in let_go if _is_made_by(row, thing)]:
        rows.claim(session, again, row.id, None)
    held = rows.list_where(session, rows.model.claimed_by == row.id)
    made = [thing.id for thing in held if _is_made_by(row, thing)]
    rows.update_claimed(session, made, row.id, consumes_quota=False)


def _is_create_operation(row: Flow) -> bool:
    return row.operation.partition(".")[2].startswith("create")


def _is_made_by(row: Flow, thing: Any) -> bool:
    return _is_create_operation(row) and bool(thing.created_at >= row.created_at)


def _status_after_abandon(resource_type: str, row: Flow, thing: Any) -> Status:
    """Return the status in which an abandoned flow leaves a resource."""
    rest = TRANSITIONAL.get(thing.status)
    if rest is not None and rest in statuses_with(resource_type, Trait.FAILED):
        return rest
    if _is_made_by(row, thing):
        return Status.ERROR
    if thing.id == row.resource_id and row.operation.endswith(".delete"):
        return Status.ERROR_DELETING
    return status_from_attachments(getattr(thing, "attachments", ()))


def _resume_rollback(session: Session, row: Flow) -> None:
    # The reason that was set when the undo failed no longer holds: the flow runs again.
    for rows in REPOSITORIES.values():
        held = rows.list_where(session, rows.model.claimed_by == row.id, rows.model.id != row.resource_id)
        rows.update_claimed(session, [thing.id for thing in held], row.id, reason=None)
    atoms = (ATOMDETAILS.c.parent_uuid == row.id, ATOMDETAILS.c.state == states.REVERT_FAILURE)
    session.execute(update(ATOMDETAILS).where(*atoms).values(state=states.REVERTING))
    session.execute(update(FLOWDETAILS).where(FLOWDETAILS.c.uuid == row.id).values(state=states.SUSPENDED))
    row.state, row.undo_at, row.ended_at = FlowState.REVERTING.value, None, None
    # The flow had ended, so its conductor has no calls in flight and need not be fenced.
    row.conductor = None


def _lock_flow_in_state(session: Session, flow_id: str, allowed: tuple[FlowState, ...], done: str) -> Flow:
    statement = select(Flow).where(Flow.id == flow_id).with_for_update()
    # What the session read before it got the lock may be stale.
    afresh = statement.execution_options(populate_existing=True)
    row = session.execute(afresh).scalar_one_or_none()
    if row is None:
        raise NotFound(f"Flow {flow_id} could not be found.")
    if row.state not in allowed:
        raise InvalidState(
            f"Flow {flow_id} is {row.state}; only a flow that is {' or '.join(allowed)} can be {done}."
        )
    return row


def _insert_event(
    session: Session, row: Flow, atom: str | None, from_state: str, to_state: str, done: dict[str, Any]
) -> int:
    newest = select(func.max(FlowEvent.seq)).where(FlowEvent.flow_id == row.id)
    attempt = select(func.max(FlowEvent.attempt)).where(FlowEvent.flow_id == row.id)
    same = FlowEvent.atom.is_(None) if atom is None else FlowEvent.atom == atom
    seq = int(session.execute(newest).scalar_one()) + 1
    event = {
        "flow_id": row.id,
        "seq": seq,
        "at": clock.now(),
        "atom": atom,
        "from_state": str(from_state),
        "to_state": str(to_state),
        "attempt": session.execute(attempt.where(same)).scalar_one() or 0,
        "detail": {"result": done},
    }
    session.execute(insert(FlowEvent), [event])
    return seq
