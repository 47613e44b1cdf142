"""Which flows may be forgotten, and forgetting them: the one place where history is deleted.

Only a flow that has come to its end is forgotten, and never one whose failed
rollback somebody still has to see to. Whatever made a thing what it is stays
for as long as the thing lives: flows on its id, and those that its row names.
So does a flow whose reservation is still held, until the ledger lets it expire.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from cgflow.db.models import ATOMDETAILS, FLOWDETAILS, LOGBOOKS, Flow, FlowEvent, Reservation
from cgflow.db.repositories.nouns import ROWS_OF
from cgflow.status import FlowState, ReservationState

FORGETTABLE = (FlowState.SUCCESS, FlowState.REVERTED, FlowState.ABANDONED)


def forgettable(session: Session, *, before: datetime | None, keep: int | None, limit: int) -> list[str]:
    """Return flows that ended before a moment, or are not among the ``keep`` that ended last.

    The longest ended come first. None sets no bound. A flow that may be forgotten stays so.
    """
    bounds = []
    if before is not None:
        bounds.append(Flow.ended_at < before)
    if keep is not None:
        bounds += _beyond(session, keep)
    if not bounds:
        return []
    old = select(Flow.id).where(Flow.state.in_(FORGETTABLE), or_(*bounds), *_unneeded())
    return list(session.scalars(old.order_by(Flow.ended_at, Flow.id).limit(limit)))


def forget(session: Session, flow_ids: Collection[str]) -> None:
    """Delete these flows with all that is told of them. Deleted rows that name one name none any more."""
    for rows in ROWS_OF.values():
        _forget_names(session, rows.model, flow_ids)
    session.execute(delete(FlowEvent).where(FlowEvent.flow_id.in_(flow_ids)))
    session.execute(delete(Reservation).where(Reservation.id.in_(flow_ids)))
    # Ids of logbook, flow detail and flow are one.
    session.execute(delete(ATOMDETAILS).where(ATOMDETAILS.c.parent_uuid.in_(flow_ids)))
    session.execute(delete(FLOWDETAILS).where(FLOWDETAILS.c.uuid.in_(flow_ids)))
    session.execute(delete(LOGBOOKS).where(LOGBOOKS.c.uuid.in_(flow_ids)))
    session.execute(delete(Flow).where(Flow.id.in_(flow_ids)))


def _beyond(session: Session, keep: int) -> list[Any]:
    newest = select(Flow.ended_at, Flow.id).where(Flow.state.in_(FORGETTABLE))
    ordered = newest.order_by(Flow.ended_at.desc(), Flow.id.desc())
    first = session.execute(ordered.offset(keep).limit(1)).first()
    if first is None:
        return []
    ended_at, flow_id = first
    return [or_(Flow.ended_at < ended_at, and_(Flow.ended_at == ended_at, Flow.id <= flow_id))]


def _unneeded() -> Iterator[Any]:
    for rows in ROWS_OF.values():
        lives = rows.model.deleted.is_(False)
        for named in (
            rows.model.id == Flow.resource_id,
            rows.model.flow_id == Flow.id,
            rows.model.claimed_by == Flow.id,
        ):
            yield ~exists().where(named, lives)
    yield ~exists().where(Reservation.id == Flow.id, Reservation.state == ReservationState.RESERVED)


def _forget_names(session: Session, model: Any, flow_ids: Collection[str]) -> None:
    for column in (model.flow_id, model.claimed_by):
        # What happened to the thing is not changed by this, so neither is when.
        nameless = {column.key: None, "updated_at": model.updated_at}
        gone = (column.in_(flow_ids), model.deleted.is_(True))
        session.execute(update(model).where(*gone).values(**nameless))
