"""Flows and their events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.atom_states import AtomState, flow_action_of, fold_transitions, held_resource_text
from cgflow.db.models import ATOMDETAILS, Flow, FlowEvent
from cgflow.db.models.base import select_columns
from cgflow.db.prepared_statements import execute
from cgflow.db.repositories import message
from cgflow.db.repositories.paging import ListQuery, page_statement
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.errors import AlreadyCommitted, CancelRequested, FenceLost, NotFound
from cgflow.status import UNFINISHED, FlowState, Status

# Records for long lists are built from columns, without ORM objects.
_LINE = [getattr(Flow, field.name) for field in fields(records.FlowSummary)]
_EVENT = [getattr(FlowEvent, field.name) for field in fields(records.FlowEvent)]
_LAST = [getattr(FlowEvent, field.name) for field in fields(records.LastEvent)]
_MOVE = [
    getattr(FlowEvent, name)
    for name in ("atom", "to_state", "at", "attempt", "duration_ms", "conductor", "detail")
]

_FLOW_ID: Any = bindparam("flow_id")
_SELECT_FLOW = select_columns(Flow).where(Flow.id == _FLOW_ID)
_SELECT_SUMMARY = select(*_LINE).where(Flow.id == _FLOW_ID)
_INSERT_FLOW, _INSERT_EVENT = insert(Flow), insert(FlowEvent)
_COMMIT = (
    update(Flow)
    .where(Flow.id == _FLOW_ID, Flow.epoch == bindparam("of_epoch"), Flow.committed_at.is_(None))
    .values(committed_at=bindparam("now"))
)
_COMMIT_UNLESS_CANCELLED = _COMMIT.where(Flow.cancel_reason.is_(None))
_SELECT_EVENTS_AFTER = (
    select(*_EVENT)
    .where(FlowEvent.flow_id == _FLOW_ID, FlowEvent.seq > bindparam("after_seq"))
    .order_by(FlowEvent.seq)
)
_SELECT_FIRST_EVENTS_AFTER = _SELECT_EVENTS_AFTER.limit(bindparam("limit", type_=Integer))
_SELECT_NEWEST_NUMBER = select(func.max(FlowEvent.seq)).where(FlowEvent.flow_id == _FLOW_ID)
_SELECT_LAST_EVENTS = (
    select(*_LAST)
    .where(
        FlowEvent.flow_id == _FLOW_ID,
        FlowEvent.seq.in_(
            select(func.max(FlowEvent.seq)).where(FlowEvent.flow_id == _FLOW_ID).group_by(FlowEvent.atom)
        ),
    )
    .order_by(FlowEvent.seq)
)


def insert_accepted(session: Session, **columns: Any) -> None:
    """Insert the record of an accepted flow, with its first event."""
    now = clock.now()
    state = FlowState.ACCEPTED.value
    execute(session, _INSERT_FLOW, state=state, created_at=now, **columns)
    event = {"flow_id": columns["id"], "seq": 1, "at": now, "atom": None, "to_state": state, "attempt": 0}
    execute(session, _INSERT_EVENT, **event)


def get(session: Session, id: str, scope: str | None) -> records.Flow:  # noqa: A002 - the API's name
    """Return a flow. Raises: NotFound, also for another project's."""
    row = execute(session, _SELECT_FLOW, flow_id=id).one_or_none()
    if row is None or (scope is not None and row.project_id != scope):
        raise NotFound(f"Flow {id} could not be found.")
    return Flow.to_record(row)


_FILTERS = ("id", "project_id", "user_id", "state", "operation", "resource_type")


def get_summary(session: Session, id: str, scope: str | None) -> records.FlowSummary:  # noqa: A002
    """Return a flow without its shape and symbols, which are long. Raises: NotFound, as ``get``."""
    row = execute(session, _SELECT_SUMMARY, flow_id=id).mappings().one_or_none()
    if row is None or (scope is not None and row["project_id"] != scope):
        raise NotFound(f"Flow {id} could not be found.")
    return _to_summary(row)


def page(session: Session, query: ListQuery, scope: str | None) -> list[records.FlowSummary]:
    """Return one page of flows.

    The filter ``resource`` matches the id of the flow's resource or its group.
    """
    statement = select(*_LINE)
    if scope is not None:
        statement = statement.where(Flow.project_id == scope)
    filters = dict(query.filters)
    resource = filters.pop("resource", None)
    paged = page_statement(
        session,
        statement,
        Flow,
        replace(query, filters=filters),
        sortable=("created_at", "ended_at", *_FILTERS),
        filterable={name: getattr(Flow, name) for name in _FILTERS},
        either=() if resource is None else (Flow.resource_id == resource, Flow.group_id == resource),
    )
    return [_to_summary(row) for row in session.execute(paged).mappings()]


def _to_summary(row: Mapping[Any, Any]) -> records.FlowSummary:
    return records.FlowSummary(**{**row, "state": FlowState(row["state"])})


def list_unfinished(session: Session) -> list[records.Flow]:
    """Return the flows that a conductor has to take up, the oldest first."""
    rows = session.execute(
        select(Flow).where(Flow.state.in_(UNFINISHED)).order_by(Flow.created_at, Flow.id)
    ).scalars()
    return [Flow.to_record(row) for row in rows]


def find_newest(session: Session, operation: str, resource_id: str) -> records.Flow | None:
    """Return the newest flow of an operation on a resource, or None if there is none."""
    row = session.execute(
        select(Flow)
        .where(Flow.operation == operation, Flow.resource_id == resource_id)
        .order_by(Flow.created_at.desc(), Flow.id)
        .limit(1)
    ).scalar_one_or_none()
    return None if row is None else Flow.to_record(row)


def find_unfinished(session: Session, flow_id: str) -> records.Flow | None:
    """Return a flow that a conductor has to take up, or None if it does not exist or has ended."""
    row = execute(session, _SELECT_FLOW, flow_id=flow_id).one_or_none()
    return None if row is None or row.state not in UNFINISHED else Flow.to_record(row)


def take_ownership(session: Session, flow_id: str, conductor: str, epoch: int) -> records.Flow | None:
    """Make a conductor the owner of an unfinished flow: raise its epoch from the given one, clear its reason.

    None if the flow has ended, or has another epoch by now because another conductor took it.
    """
    row = session.execute(select(Flow).where(Flow.id == flow_id).with_for_update()).scalar_one_or_none()
    if row is None or row.state not in UNFINISHED or row.epoch != epoch:
        return None
    row.epoch += 1
    row.conductor = conductor
    row.reason = None
    row.started_at = row.started_at or clock.now()
    session.flush()
    return Flow.to_record(row)


def record_commit(session: Session, flow_id: str, epoch: int, *, heeds_cancel: bool = True) -> None:
    """Record that a flow passes its point of no return, in the transaction that commits its operation.

    Compare-and-set: the row orders the commit, a cancel and a takeover.
    Raises: FenceLost, if another conductor has taken the flow; AlreadyCommitted; CancelRequested,
    if a cancel was recorded first and ``heeds_cancel``.
    """
    record = _COMMIT_UNLESS_CANCELLED if heeds_cancel else _COMMIT
    if execute(session, record, flow_id=flow_id, of_epoch=epoch, now=clock.now()).rowcount == 1:
        return
    decided = select(Flow.epoch, Flow.committed_at, Flow.cancel_reason).where(Flow.id == flow_id)
    row = session.execute(decided).one_or_none()
    if row is None or row.epoch != epoch:
        raise FenceLost.of(flow_id, epoch, None if row is None else row.epoch)
    if row.committed_at is not None:
        raise AlreadyCommitted(f"Flow {flow_id} committed its operation at {row.committed_at}.")
    raise CancelRequested(row.cancel_reason)


def is_committed(session: Session, flow_id: str) -> bool:
    """Return whether a flow has passed its point of no return; waits for a transaction that decides it."""
    statement = select(Flow.committed_at).where(Flow.id == flow_id).with_for_update(read=True)
    return session.execute(statement).scalar_one_or_none() is not None


def set_reason(session: Session, flow_id: str, reason: str, *, epoch: int | None = None) -> None:
    """Set why a flow stands still, for the operator; given an epoch, only if the flow still has it."""
    noted = update(Flow).where(Flow.id == flow_id)
    if epoch is not None:
        noted = noted.where(Flow.epoch == epoch)
    session.execute(noted.values(reason=reason))


def record_failed_rollback(
    session: Session, flow: records.Flow, reason: str, undo_at: datetime | None
) -> None:
    """Record the failed rollback on the flow's resource, and the reason for the claim on all else it holds.

    The flow keeps its claim on the resource, because something is left.
    """
    rows = REPOSITORIES[flow.resource_type]
    why = f"Undoing {flow.operation} failed and something is left; see flow {flow.id}. {reason}"
    # The failed undo may have been that of the commit, which had released the resource.
    let_go = rows.list_where(
        session,
        rows.model.id == flow.resource_id,
        rows.model.claimed_by.is_(None),
        rows.model.flow_id == flow.id,
    )
    if let_go:
        rows.claim(session, [flow.resource_id], flow.id, None)
    rows.update_claimed(session, [flow.resource_id], flow.id, status=Status.ERROR.value, reason=why)
    because = f"Held: {held_resource_text(flow.id, flow.operation, undo_at)}"
    for others in REPOSITORIES.values():
        held = others.list_where(
            session, others.model.claimed_by == flow.id, others.model.id != flow.resource_id
        )
        others.update_claimed(session, [thing.id for thing in held], flow.id, reason=because)
    message.record(session, flow.id, message.ROLLBACK_FAILED, reason)


def events_after(
    session: Session, flow_id: str, after_seq: int = 0, limit: int | None = 1000
) -> list[records.FlowEvent]:
    """Return the events of a flow after ``after_seq``, in order."""
    if limit is None:
        rows = execute(session, _SELECT_EVENTS_AFTER, flow_id=flow_id, after_seq=after_seq)
    else:
        rows = execute(session, _SELECT_FIRST_EVENTS_AFTER, flow_id=flow_id, after_seq=after_seq, limit=limit)
    return [records.FlowEvent(**row) for row in rows.mappings()]


def newest_event_number(session: Session, flow_id: str) -> int:
    """Return the number of the newest event of a flow."""
    return int(execute(session, _SELECT_NEWEST_NUMBER, flow_id=flow_id).scalar_one())


def last_event_per_atom(session: Session, flow_id: str) -> list[records.LastEvent]:
    """Return the last event of the flow itself and of each of its atoms, in order."""
    rows = execute(session, _SELECT_LAST_EVENTS, flow_id=flow_id)
    return [records.LastEvent(**row) for row in rows.mappings()]


def all_events(session: Session, flow_id: str) -> list[records.FlowEvent]:
    """Return every event of a flow, in order."""
    return events_after(session, flow_id, limit=None)


def list_atom_states(session: Session, flow_id: str) -> list[AtomState]:
    """Return the state of each atom, in the order of their transitions; those not started come last."""
    moves = select(*_MOVE).where(FlowEvent.flow_id == flow_id, FlowEvent.atom.is_not(None))
    moved = fold_transitions(session.execute(moves.order_by(FlowEvent.seq)))
    known = {atom.atom for atom in moved}
    stored = session.execute(
        select(ATOMDETAILS.c.name, ATOMDETAILS.c.state)
        .where(ATOMDETAILS.c.parent_uuid == flow_id)
        .order_by(ATOMDETAILS.c.created_at, ATOMDETAILS.c.name)
    )
    waiting = [AtomState(atom=name, state=state) for name, state in stored if name not in known]
    return [*moved, *waiting]


def split_leftovers(
    session: Session, flow: records.Flow
) -> tuple[tuple[dict[str, object], ...], list[dict[str, object]]]:
    """Return a flow's leftovers that still exist, and those removed since, with the flow that removed them.

    Deleting a resource removes everything that its backend has of it. The atom of a step for a
    member has the member's id in brackets; any other belongs to the flow's resource.
    """
    if flow.state is not FlowState.ABANDONED:
        # Until it is abandoned, the flow holds all of it, and nothing can be deleted.
        return flow.leftovers, []
    members = {_member_id(each) for each in flow.leftovers}
    ids = {flow.resource_id, *members}
    gone = {
        thing.id: thing.flow_id
        for rows in REPOSITORIES.values()
        for thing in rows.get_with_deleted(session, ids)
        if thing.status == Status.DELETED
    }
    left, removed = [], []
    for each in flow.leftovers:
        found = [id_ for id_ in (_member_id(each), flow.resource_id) if id_ in gone]
        if found:
            removed.append({**each, "removed_by": gone[found[0]]})
        else:
            left.append(each)
    return tuple(left), removed


def _member_id(leftover: Mapping[str, object]) -> str:
    return str(leftover["task"]).partition("[")[2].rstrip("]")


def list_flow_actions(session: Session, flow_id: str) -> list[dict[str, Any]]:
    """Return the flow actions by operators or the service itself, in order, each with its time."""
    own = (FlowEvent.flow_id == flow_id, FlowEvent.atom.is_(None))
    rows = session.execute(select(FlowEvent.at, FlowEvent.detail).where(*own).order_by(FlowEvent.seq))
    return [
        {**done, "at": clock.iso(at)} for at, detail in rows if (done := flow_action_of(detail)) is not None
    ]
