"""Retention: which flows may be deleted, and their deletion. No other code deletes history.

Only a flow that has ended is deleted, and never one whose failed rollback still needs the operator.
While a resource is live, these flows of it are kept: the one that created it, the newest ones, and
those that its row names. A flow with a held reservation is kept until the reservation expires. The
row of a deleted resource is deleted once no flow that it names is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.models import (
    ATOMDETAILS,
    FLOWDETAILS,
    LOGBOOKS,
    Attachment,
    Cgsnapshot,
    ConsistencyGroup,
    ConsistencyGroupType,
    Flow,
    FlowEvent,
    Reservation,
    Snapshot,
    Transfer,
    Volume,
)
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.status import ENDED, ReservationState

KEPT_PER_RESOURCE = 100
"""Number of ended flows that are kept of a live resource, besides the one that created it."""


def deletable_flows(session: Session, *, before: datetime | None, keep: int | None, limit: int) -> list[str]:
    """Return flows that ended before a time, or that are not among the ``keep`` that ended last.

    The earliest ended come first. None means no bound. Once a flow may be deleted, it may be
    deleted at any later time.
    """
    bounds = []
    if before is not None:
        bounds.append(Flow.ended_at < before)
    if keep is not None:
        bounds += _ended_before_newest_condition(session, keep)
    if not bounds:
        return []
    old = select(Flow.id).where(Flow.state.in_(ENDED), or_(*bounds), *_deletable_conditions())
    return list(session.scalars(old.order_by(Flow.ended_at, Flow.id).limit(limit)))


def delete_flows(session: Session, flow_ids: Collection[str]) -> None:
    """Delete these flows and all that belongs to them, and clear references from deleted rows."""
    for rows in REPOSITORIES.values():
        _clear_references(session, rows.model, flow_ids)
    session.execute(delete(FlowEvent).where(FlowEvent.flow_id.in_(flow_ids)))
    session.execute(delete(Reservation).where(Reservation.id.in_(flow_ids)))
    # Logbook, flow detail and flow have the same id.
    session.execute(delete(ATOMDETAILS).where(ATOMDETAILS.c.parent_uuid.in_(flow_ids)))
    session.execute(delete(FLOWDETAILS).where(FLOWDETAILS.c.uuid.in_(flow_ids)))
    session.execute(delete(LOGBOOKS).where(LOGBOOKS.c.uuid.in_(flow_ids)))
    session.execute(delete(Flow).where(Flow.id.in_(flow_ids)))


def _ended_before_newest_condition(session: Session, keep: int) -> list[Any]:
    newest = select(Flow.ended_at, Flow.id).where(Flow.state.in_(ENDED))
    ordered = newest.order_by(Flow.ended_at.desc(), Flow.id.desc())
    first = session.execute(ordered.offset(keep).limit(1)).first()
    if first is None:
        return []
    ended_at, flow_id = first
    return [or_(Flow.ended_at < ended_at, and_(Flow.ended_at == ended_at, Flow.id <= flow_id))]


def _deletable_conditions() -> Iterator[Any]:
    for rows in REPOSITORIES.values():
        lives = rows.model.deleted.is_(False)
        on_it = exists().where(rows.model.id == Flow.resource_id, lives)
        yield or_(
            ~on_it,
            and_(
                ~Flow.operation.contains(".create"),
                _has_newer_rows_condition(Flow, "resource_id", "ended_at"),
            ),
        )
        for named in (rows.model.flow_id == Flow.id, rows.model.claimed_by == Flow.id):
            yield ~exists().where(named, lives)
    yield ~exists().where(Reservation.id == Flow.id, Reservation.state == ReservationState.RESERVED)


def _has_newer_rows_condition(model: Any, thing: str, ended: str) -> Any:
    """Return the condition that the resource has at least ``KEPT_PER_RESOURCE`` newer rows."""
    newer = aliased(model)
    later = (
        getattr(newer, thing) == getattr(model, thing),
        getattr(newer, ended) > getattr(model, ended),
    )
    return select(newer.id).where(*later).correlate(model).limit(1).offset(KEPT_PER_RESOURCE - 1).exists()


def purge_deleted_resources(session: Session, limit: int) -> int:
    """Delete rows of deleted resources that neither a kept flow nor another row references.

    At most ``limit`` rows of each resource type are deleted; returns how many were in all.
    Referencing rows are deleted before the rows they reference.
    """
    purged = 0
    for model in (Snapshot, Cgsnapshot, Volume, ConsistencyGroup):
        needed = [exists().where(column == model.id) for column in _REFERENCED_BY[model]]
        gone = (model.deleted.is_(True), model.flow_id.is_(None), model.claimed_by.is_(None))
        ids = list(session.scalars(select(model.id).where(*gone, *(~one for one in needed)).limit(limit)))
        if model is ConsistencyGroup:
            types = ConsistencyGroupType.consistencygroup_id.in_(ids)
            session.execute(delete(ConsistencyGroupType).where(types))
        if model is Volume:
            # Ended offers are not needed without their volume.
            session.execute(delete(Transfer).where(Transfer.volume_id.in_(ids)))
        session.execute(delete(model).where(model.id.in_(ids)))
        purged += len(ids)
    return purged


def purge_closed_transfers(session: Session, limit: int) -> int:
    """Delete ended offers except the newest ``KEPT_PER_RESOURCE`` of each volume; return how many."""
    has_newer = _has_newer_rows_condition(Transfer, "volume_id", "deleted_at")
    ended = select(Transfer.id).where(Transfer.deleted.is_(True), has_newer).limit(limit)
    ids = list(session.scalars(ended))
    session.execute(delete(Transfer).where(Transfer.id.in_(ids)))
    return len(ids)


_REFERENCED_BY: dict[Any, tuple[Any, ...]] = {
    Snapshot: (),
    Cgsnapshot: (Snapshot.cgsnapshot_id,),
    Volume: (Snapshot.volume_id, Attachment.volume_id),
    ConsistencyGroup: (
        Snapshot.consistencygroup_id,
        Volume.consistencygroup_id,
        Cgsnapshot.consistencygroup_id,
    ),
}
"""The columns of other tables that reference the rows of each model."""


def _clear_references(session: Session, model: Any, flow_ids: Collection[str]) -> None:
    for column in (model.flow_id, model.claimed_by):
        # The resource itself does not change, so its time of change is kept.
        nameless = {column.key: None, "updated_at": model.updated_at}
        gone = (column.in_(flow_ids), model.deleted.is_(True))
        session.execute(update(model).where(*gone).values(**nameless))


LOG = logging.getLogger(__name__)

BATCH_SIZE = 50
"""Flows deleted in one transaction, which is short enough that running flows hardly wait."""

MAX_PER_ROUND = 10_000
"""Flows deleted in one round; the rest waits for the next, so that a stop does not take long."""


class Retention:
    """Deletes ended flows by age and by number.

    A flow is deleted if it ended more than ``max_age_days`` ago, or is not among the ``max_flows``
    that ended last. 0 means no limit.
    """

    def __init__(self, database: Database, *, max_age_days: int, max_flows: int) -> None:
        self._database = database
        self._max_age_days = max_age_days
        self._max_flows = max_flows

    def delete_old_flows(self) -> int:
        """Delete the flows that may be deleted now; return how many."""
        before = clock.now() - timedelta(days=self._max_age_days) if self._max_age_days else None
        with self._database.read() as session:
            old = deletable_flows(session, before=before, keep=self._max_flows or None, limit=MAX_PER_ROUND)
        for start in range(0, len(old), BATCH_SIZE):
            with self._database.write() as session:
                delete_flows(session, old[start : start + BATCH_SIZE])
        self._purge_in_batches()
        if old:
            LOG.info("deleted %d flows that ended long ago", len(old))
        return len(old)

    def _purge_in_batches(self) -> None:
        """Delete the rows of deleted resources that no flow references any more."""
        for purge_some in (purge_deleted_resources, purge_closed_transfers):
            for _ in range(MAX_PER_ROUND // BATCH_SIZE):
                with self._database.write() as session:
                    purged = purge_some(session, BATCH_SIZE)
                if not purged:
                    break
