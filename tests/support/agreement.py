"""Whether rows and backend tell of the same things, and the quota counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlalchemy import select

from cgflow import records
from cgflow.db.database import Database
from cgflow.db.models import QuotaUsage, Reservation
from cgflow.db.repositories import snapshot
from cgflow.db.repositories.nouns import ROWS_OF
from cgflow.drivers.contract import StorageDriver
from cgflow.quota.held import held_by
from cgflow.status import ReservationState


def disagreements(living: Callable[[str], list[Any]], driver: StorageDriver) -> Iterator[str]:
    """Name what the rows (``living`` returns those of a noun) and the backend tell differently."""
    really = driver.inventory()
    found = {
        "consistencygroup": really.groups,
        "volume": really.volumes,
        "snapshot": really.snapshots,
    }
    for noun, there in found.items():
        placed = {t.id for t in living(noun) if t.host is not None and not _never_was(t)}
        if placed != there:
            yield f"rows of {noun} are {sorted(placed)}, the backend has {sorted(there)}"
    for group_id in really.groups:
        members = {t.id for t in living("volume") if t.host and t.consistencygroup_id == group_id}
        held = driver.inventory(group_id).volumes
        if members != held:
            yield f"rows of members of {group_id} are {sorted(members)}, the backend has {sorted(held)}"
    if really.problems:
        yield f"the backend reports {really.problems}"


def miscounted(
    living: Callable[[str], list[Any]],
    usage: Mapping[str, int],
    project_id: str,
    *,
    no_snapshot_gb_quota: bool,
) -> Iterator[str]:
    """Tell if a project's usage is not the sum over its living rows."""
    counted: Counter[str] = Counter()
    for noun in ROWS_OF:
        held = held_by(living(noun), no_snapshot_gb_quota=no_snapshot_gb_quota)
        counted.update(held.get(project_id, {}))
    if dict(counted) != usage:
        yield f"usage is {usage}, the living rows count {dict(counted)}"


def reserved(database: Database) -> Iterator[str]:
    """Tell of what is still reserved."""
    with database.read() as session:
        held = session.execute(
            select(QuotaUsage.resource, QuotaUsage.reserved).where(QuotaUsage.reserved != 0)
        ).all()
        kept = session.execute(
            select(Reservation.id).where(Reservation.state == ReservationState.RESERVED)
        ).all()
    if held or kept:
        yield f"reserved {held}, reservations {kept}"


def _never_was(thing: Any) -> bool:
    return isinstance(thing, records.Snapshot) and snapshot.never_was(thing)
