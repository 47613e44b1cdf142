"""What is counted for one volume type follows the type to its new name."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from cgflow.db.models import Flow, Quota, QuotaClass, QuotaUsage, Reservation
from cgflow.quota.resources import PER_TYPE, of_type
from cgflow.quota.usage import lock_all
from cgflow.status import UNFINISHED, ReservationState


def rename_type(session: Session, old: str, new: str) -> None:
    """Move limits, usage and every reservation that can still change from one type name to another.

    No live type has the new name. What a deleted type of that name has left
    behind is dropped: nothing can be in use of it.
    """
    lock_all(session)
    for resource in PER_TYPE:
        before, after = of_type(resource, old), of_type(resource, new)
        for model in (QuotaUsage, Quota, QuotaClass):
            session.execute(delete(model).where(model.resource == after))
            session.execute(update(model).where(model.resource == before).values(resource=after))
        # Those of ended flows are history, but for what has still to expire.
        unfinished = Reservation.id.in_(select(Flow.id).where(Flow.state.in_(UNFINISHED)))
        held = Reservation.state == ReservationState.RESERVED
        undoable = (Reservation.state == ReservationState.COMMITTED) & unfinished
        session.execute(
            update(Reservation).where(Reservation.resource == before, held | undoable).values(resource=after),
            execution_options={"synchronize_session": False},
        )
