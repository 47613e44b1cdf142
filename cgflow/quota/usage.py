"""The usage of each project: the lock for reading and writing it, and the renaming of a volume type.

The lock is one row per project, the one that counts its consistency groups. It is held by whoever
reads usage in order to change it, or changes a reservation. With one lock per project instead of
one per quota resource, transactions that change quota in several steps cannot deadlock, whatever
the order of their steps. SQLite has no row locks and needs none: it has one writer at a time.

Quota of one volume type is counted under the type's name. So renaming a type renames its quota, and
a type cannot be deleted while an operation, or its undo, may still change the usage.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Exists, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from cgflow.db.models import Flow, Quota, QuotaClass, QuotaUsage, Reservation
from cgflow.db.prepared_statements import execute
from cgflow.db.upsert import insert_missing, insert_or_update
from cgflow.quota.deltas import GROUPS, PER_TYPE, type_resource_name, type_resource_names
from cgflow.status import UNFINISHED, ReservationState

LOG = logging.getLogger(__name__)

_IN_PROJECT = QuotaUsage.project_id == bindparam("project_id")
_LOCK_PROJECT = (
    select(QuotaUsage.resource).where(_IN_PROJECT, QuotaUsage.resource == GROUPS).with_for_update()
)
_SELECT_USAGE = select(QuotaUsage.resource, QuotaUsage.in_use, QuotaUsage.reserved).where(
    _IN_PROJECT, QuotaUsage.resource.in_(bindparam("resources", expanding=True))
)


@dataclass
class Usage:
    """Usage and reservations of one quota resource of one project."""

    in_use: int = 0
    reserved: int = 0


def lock_project(session: Session, project_id: str) -> None:
    """Lock the quota of a project against changes by other transactions, until this one ends."""
    if execute(session, _LOCK_PROJECT, project_id=project_id).first() is None:
        first = {"project_id": project_id, "resource": GROUPS, "in_use": 0, "reserved": 0}
        insert_missing(session, QuotaUsage, [first])
        execute(session, _LOCK_PROJECT, project_id=project_id).one()


def lock_all_projects(session: Session) -> None:
    """Lock every project that has any usage, in a fixed order."""
    rows = select(QuotaUsage.project_id).where(QuotaUsage.resource == GROUPS)
    session.execute(rows.order_by(QuotaUsage.project_id).with_for_update()).all()


def read(session: Session, project_id: str, resources: Collection[str]) -> dict[str, Usage]:
    """Return the usage of each of these quota resources; a missing row is zero."""
    rows = execute(session, _SELECT_USAGE, project_id=project_id, resources=list(resources))
    found = {row.resource: Usage(row.in_use, row.reserved) for row in rows}
    return {resource: found.get(resource, Usage()) for resource in resources}


def write(session: Session, project_id: str, usages: Mapping[str, Usage]) -> None:
    """Store usages that were read under the lock."""
    rows = [
        {"project_id": project_id, "resource": resource, "in_use": usage.in_use, "reserved": usage.reserved}
        for resource, usage in sorted(usages.items())
    ]
    insert_or_update(session, QuotaUsage, rows)


def add_in_use(usages: Mapping[str, Usage], project_id: str, resource: str, delta: int) -> int:
    """Add to the usage, but not below zero, and return what was actually added.

    Giving back more than the usage means that the count was wrong before. The resource is deleted
    all the same, so this is logged as an error and does not fail the operation.
    """
    usage = usages[resource]
    added = max(delta, -usage.in_use)
    if added != delta:
        LOG.error(
            "quota of project %s: %d %s are given back, but only %d are counted as in use; they are set to 0",
            project_id, -delta, resource, usage.in_use,
        )  # fmt: skip
    usage.in_use += added
    return added


def rename_type_quota(session: Session, old: str, new: str) -> None:
    """Move limits, usage and all reservations that can still change from one type name to another.

    No live type has the new name. Limits that a deleted type of that name has left are deleted.
    Usage under the new name is kept and added to: usage is the sum over the live rows, whichever
    type of that name they had.
    """
    lock_all_projects(session)
    for resource in PER_TYPE:
        before, after = type_resource_name(resource, old), type_resource_name(resource, new)
        for model in (Quota, QuotaClass):
            session.execute(delete(model).where(model.resource == after))
            session.execute(update(model).where(model.resource == before).values(resource=after))
        _move_usage(session, before, after)
        session.execute(
            update(Reservation)
            .where(Reservation.resource == before, _can_change_condition())
            .values(resource=after),
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


def has_pending_reservation(type_name: str) -> Exists:
    """Return the condition that a reservation that can still change is for quota of this type."""
    return exists().where(Reservation.resource.in_(type_resource_names([type_name])), _can_change_condition())


def _can_change_condition() -> ColumnElement[bool]:
    """Return the condition that a reservation can still change.

    It is reserved, even for an ended flow, where it has yet to expire; or it is committed and its
    flow is unfinished.
    """
    unfinished = Reservation.id.in_(select(Flow.id).where(Flow.state.in_(UNFINISHED)))
    held = Reservation.state == ReservationState.RESERVED
    return held | ((Reservation.state == ReservationState.COMMITTED) & unfinished)
