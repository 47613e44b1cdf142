"""Snapshots of volumes, alone or in cgsnapshots."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import Snapshot, Volume
from cgflow.db.repositories.resource import ResourceRepository
from cgflow.status import Status, is_rolled_back

# A snapshot is in the availability zone of its volume.
_ZONE = (
    select(Volume.availability_zone)
    .where(Volume.id == Snapshot.volume_id)
    .correlate(Snapshot)
    .scalar_subquery()
)

REPOSITORY: ResourceRepository[records.Snapshot] = ResourceRepository(
    Snapshot,
    "Snapshot",
    "Snapshot {id} could not be found.",
    (
        "size",
        "progress",
        "volume_id",
        "volume_type_id",
        "cgsnapshot_id",
        "consistencygroup_id",
        "consumes_quota",
    ),
    metadata="snapshot_metadata",
    expressions={"availability_zone": _ZONE},
)
get, lock, page = REPOSITORY.get, REPOSITORY.lock, REPOSITORY.page

_OF_CGSNAPSHOT = REPOSITORY.select_where(Snapshot.cgsnapshot_id == bindparam("cgsnapshot_id"))
_OF_VOLUMES = REPOSITORY.select_where(Snapshot.volume_id.in_(bindparam("volume_ids", expanding=True)))


def of_cgsnapshot(session: Session, cgsnapshot_id: str) -> list[records.Snapshot]:
    """Return the live snapshots in a cgsnapshot, the oldest first."""
    return REPOSITORY.fetch(session, _OF_CGSNAPSHOT, cgsnapshot_id=cgsnapshot_id)


def was_rolled_back(copy: records.Snapshot) -> bool:
    """Return whether a snapshot was rolled back: only its record is left, and nothing on the backend."""
    return copy.status is Status.ERROR and is_rolled_back("snapshot", consumes_quota=copy.consumes_quota)


def of_volumes(session: Session, volume_ids: Collection[str]) -> list[records.Snapshot]:
    """Return the live snapshots of these volumes."""
    return REPOSITORY.fetch(session, _OF_VOLUMES, volume_ids=list(volume_ids))
