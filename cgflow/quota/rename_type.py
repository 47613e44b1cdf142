"""What is counted for one volume type follows the type to its new name.

Usage is counted under a name. So a type cannot go while an operation may still
change what is counted for it, in doing or in being undone.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Exists, delete, exists, select, update
from sqlalchemy.orm import Session

from cgflow.db.models import Flow, Quota, QuotaClass, QuotaUsage, Reservation
from cgflow.quota.deltas import PER_TYPE, type_resource, type_resources
from cgflow.quota.usage import lock_all, read, write
from cgflow.status import UNFINISHED, ReservationState


def rename_type(session: Session, old: str, new: str) -> None:
    """Move limits, usage and every reservation that can still change from one type name to another.

    No live type has the new name. The limits that a deleted type of that name
    has left behind are dropped. What is counted under it stays counted: usage
    is the sum over the living rows, whatever has come to have the name.
    """
    lock_all(session)
    for resource in PER_TYPE:
        before, after = type_resource(resource, old), type_resource(resource, new)
        for model in (Quota, QuotaClass):
            session.execute(delete(model).where(model.resource == after))
            session.execute(update(model).where(model.resource == before).values(resource=after))
        _move_usage(session, before, after)
        session.execute(
            update(Reservation).where(Reservation.resource == before, _can_change()).values(resource=after),
            execution_options={"synchronize_session": False},
        )


def _move_usage(session: Session, before: str, after: str) -> None:
    """Add what is counted under one name to what is counted under the other, project by project."""
    columns = (QuotaUsage.project_id, QuotaUsage.in_use, QuotaUsage.reserved)
    for row in session.execute(select(*columns).where(QuotaUsage.resource == before)).all():
        counted = read(session, row.project_id, [after])
        counted[after].in_use += row.in_use
        counted[after].reserved += row.reserved
        write(session, row.project_id, counted)
    session.execute(delete(QuotaUsage).where(QuotaUsage.resource == before))


def is_pending(type_name: str) -> Exists:
    """Return what asks whether a reservation that can still change takes or gives back quota of a type."""
    return exists().where(Reservation.resource.in_(type_resources([type_name])), _can_change())


def _can_change() -> ColumnElement[bool]:
    """Return what is true of a reservation that is no history: even of an ended flow one has to expire."""
    unfinished = Reservation.id.in_(select(Flow.id).where(Flow.state.in_(UNFINISHED)))
    held = Reservation.state == ReservationState.RESERVED
    return held | ((Reservation.state == ReservationState.COMMITTED) & unfinished)
