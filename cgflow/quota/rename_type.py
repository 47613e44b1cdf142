"""Renaming of the quota of a volume type.

Usage is counted under the type's name. So a type cannot be deleted while an operation, or its undo,
may still change the usage.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Exists, delete, exists, select, update
from sqlalchemy.orm import Session

from cgflow.db.models import Flow, Quota, QuotaClass, QuotaUsage, Reservation
from cgflow.quota.deltas import PER_TYPE, type_resource, type_resources
from cgflow.quota.usage import lock_all, read, write
from cgflow.status import UNFINISHED, ReservationState


def rename_type(session: Session, old: str, new: str) -> None:
    """Move limits, usage and all reservations that can still change from one type name to another.

    No live type has the new name. Limits that a deleted type of that name has left are deleted.
    Usage under the new name is kept and added to: usage is the sum over the live rows, whichever
    type of that name they had.
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
    """Add the usage under one name to that under the other, for each project."""
    columns = (QuotaUsage.project_id, QuotaUsage.in_use, QuotaUsage.reserved)
    for row in session.execute(select(*columns).where(QuotaUsage.resource == before)).all():
        counted = read(session, row.project_id, [after])
        counted[after].in_use += row.in_use
        counted[after].reserved += row.reserved
        write(session, row.project_id, counted)
    session.execute(delete(QuotaUsage).where(QuotaUsage.resource == before))


def is_pending(type_name: str) -> Exists:
    """Return the condition that a reservation that can still change is for quota of this type."""
    return exists().where(Reservation.resource.in_(type_resources([type_name])), _can_change())


def _can_change() -> ColumnElement[bool]:
    """Return the condition that a reservation can still change.

    It is reserved, even for an ended flow, where it has yet to expire; or it is committed and its
    flow is unfinished.
    """
    unfinished = Reservation.id.in_(select(Flow.id).where(Flow.state.in_(UNFINISHED)))
    held = Reservation.state == ReservationState.RESERVED
    return held | ((Reservation.state == ReservationState.COMMITTED) & unfinished)
