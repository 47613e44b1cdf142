"""Steps that create the members of a new consistency group from another group or from its cgsnapshot.

``source_group_id`` is the group whose members are or were cut. ``cut_id`` is the cgsnapshot, or a
temporary cut that the flow makes and removes. A member has the ids of the source volume
(``volume_id``), its snapshot (``snapshot_id``) and the new volume (``new_id``). ``copied`` maps the
id of each new volume to the columns that it takes over from its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.repositories import consistencygroup, volume
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.engine.task import Task
from cgflow.quota import reservations
from cgflow.status import Status
from flows.driver_calls import call_with_retry, verify_no_volume, verify_volume
from flows.tasks.claim import Claims, release_claims
from flows.tasks.clone import cloning_driver
from flows.tasks.driver import CutGroup, DeleteSnapshot, Drivers, PrepareSnapshot
from flows.tasks.record import CommitRecord

ClonedColumns = Mapping[str, dict[str, Any]]


class CreateVolumes(Task):
    """Add a row for every new volume, in ``creating``, with the columns taken over from its source.

    Revert: delete the rows.
    """

    atom = "record.create_volumes"

    def execute(
        self, database: Database, flow_id: str, resource_id: str, host: str, copied: ClonedColumns
    ) -> None:
        with database.write() as session:
            group = consistencygroup.get(session, resource_id, None)
            there = {row.id for row in volume.members_of(session, resource_id)}
            shared = {
                "user_id": group.user_id,
                "project_id": group.project_id,
                "status": Status.CREATING.value,
                "claimed_by": flow_id,
                "flow_id": flow_id,
                "created_at": clock.now(),
                "availability_zone": group.availability_zone,
                "consistencygroup_id": group.id,
                "host": host,
            }
            rows = [{"id": id_, **shared, **columns} for id_, columns in copied.items() if id_ not in there]
            if rows:
                volume.REPOSITORY.add(session, *rows)

    def revert(self, database: Database, flow_id: str, copied: ClonedColumns, **_: object) -> None:
        with database.write() as session:
            volume.REPOSITORY.destroy(session, list(copied), flow_id)


SOURCE_SYMBOLS = {"group_id": "source_group_id", "resource_id": "cut_id"}
"""Maps arguments of the cgsnapshot steps to the symbols that hold them in a flow that cuts another group."""


class PrepareSourceSnapshot(PrepareSnapshot):
    """Do the slow work for the snapshot of one source volume, before the cut."""

    reads = SOURCE_SYMBOLS


class CutSourceGroup(CutGroup):
    """Cut every member of the source group in one call, and verify the levels demanded and promised.

    Revert: remove every snapshot that the cut may have made.
    """

    reads = SOURCE_SYMBOLS
    default_provides: str | None = None


class CloneMember(Task):
    """Create one new volume in the new group, with the content of the snapshot of its source.

    Revert: remove it.
    """

    atom = "driver.clone_volume"

    def execute(
        self,
        drivers: Drivers,
        host: str,
        resource_id: str,
        source_group_id: str,
        cut_id: str,
        new_id: str,
        volume_id: str,
        snapshot_id: str,
        copied: ClonedColumns,
    ) -> None:
        made = VolumeSpec(new_id, copied[new_id]["size"], resource_id)
        source = SnapshotSpec(snapshot_id, volume_id, cut_id, source_group_id)
        call_with_retry(cloning_driver(drivers, host).clone_volume, made, source)
        verify_volume(drivers[host], made, made.size_gib)

    def revert(
        self, drivers: Drivers, host: str, resource_id: str, new_id: str, copied: ClonedColumns, **_: object
    ) -> None:
        made = VolumeSpec(new_id, copied[new_id]["size"], resource_id)
        call_with_retry(drivers[host].delete_volume, made)
        verify_no_volume(drivers[host], made)


class DeleteSourceSnapshot(DeleteSnapshot):
    """Remove the snapshot of one source volume. The new volume does not depend on it.

    Revert: nothing. The snapshot is not needed, because the new volume is removed as well.
    """

    reads = SOURCE_SYMBOLS


class CommitGroupClone(CommitRecord):
    """Make the group and its volumes ``available``, with ``created_at`` set to now; release the source."""

    def execute(
        self, database: Database, flow_id: str, resource_id: str, claims: Claims, copied: ClonedColumns
    ) -> None:
        done: dict[str, Any] = {"consumes_quota": True, "created_at": clock.now()}
        with database.write() as session:
            reservations.commit(session, flow_id)
            volume.REPOSITORY.settle(session, list(copied), flow_id, Status.AVAILABLE, **done)
            consistencygroup.REPOSITORY.settle(session, [resource_id], flow_id, Status.AVAILABLE, **done)
            release_claims(session, flow_id, claims)
