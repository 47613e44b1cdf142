"""The usage rows of a project, and the lock for reading and writing them.

The lock is one row per project, the one that counts its consistency groups. It is held by whoever
reads usage in order to change it, or changes a reservation. With one lock per project instead of
one per quota resource, transactions that change quota in several steps cannot deadlock, whatever
the order of their steps. SQLite has no row locks and needs none: it has one writer at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cgflow.db.models import QuotaUsage
from cgflow.db.upsert import insert_missing, insert_or_update
from cgflow.quota.deltas import GROUPS

LOG = logging.getLogger(__name__)


@dataclass
class Usage:
    """Usage and reservations of one quota resource of one project."""

    in_use: int = 0
    reserved: int = 0


def lock(session: Session, project_id: str) -> None:
    """Lock the quota of a project against changes by other transactions, until this one ends."""
    row = select(QuotaUsage.resource).where(
        QuotaUsage.project_id == project_id, QuotaUsage.resource == GROUPS
    )
    if session.execute(row.with_for_update()).first() is None:
        first = {"project_id": project_id, "resource": GROUPS, "in_use": 0, "reserved": 0}
        insert_missing(session, QuotaUsage, [first])
        session.execute(row.with_for_update()).one()


def lock_all(session: Session) -> None:
    """Lock every project that has any usage, in a fixed order."""
    rows = select(QuotaUsage.project_id).where(QuotaUsage.resource == GROUPS)
    session.execute(rows.order_by(QuotaUsage.project_id).with_for_update()).all()


def read(session: Session, project_id: str, resources: Collection[str]) -> dict[str, Usage]:
    """Return the usage of each of these quota resources; a missing row is zero."""
    rows = session.execute(
        select(QuotaUsage.resource, QuotaUsage.in_use, QuotaUsage.reserved).where(
            QuotaUsage.project_id == project_id, QuotaUsage.resource.in_(resources)
        )
    )
    found = {resource: Usage(in_use, reserved) for resource, in_use, reserved in rows}
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
