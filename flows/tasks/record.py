"""Steps that create, commit and delete the records of a flow's resources.

The commit steps are the points of no return of their flows. Each is one transaction: it turns the
reservation into usage, sets the resting status and releases the claims. Usage is therefore the sum
over the existing rows at every moment, and a resource that is ``available`` is unclaimed and
counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from cgflow import clock
from cgflow.config import Settings
from cgflow.db.database import Database
from cgflow.db.repositories import cgsnapshot, consistencygroup, snapshot, volume
from cgflow.engine.task import Commit, Task
from cgflow.quota import reservations
from cgflow.status import Status
from flows.tasks.claim import Claims, delete_and_refund, release_claims, resting_status_of, verify_claims
from flows.tasks.driver import ClonedColumns


class CreateSnapshots(Task):
    """Add a row for every member's snapshot, in ``creating``, named like the cgsnapshot.

    Revert: delete the rows.
    """

    atom = "record.create_snapshots"
    is_database_only = True

    def execute(
        self, database: Database, flow_id: str, resource_id: str, members: list[dict[str, str]]
    ) -> None:
        with database.write() as session:
            add_missing_snapshot_rows(session, flow_id, resource_id, members)

    def revert(self, database: Database, flow_id: str, members: list[dict[str, str]], **_: object) -> None:
        with database.write() as session:
            snapshot.REPOSITORY.soft_delete(session, [member["snapshot_id"] for member in members], flow_id)


def add_missing_snapshot_rows(
    session: Session, flow_id: str, cgsnapshot_id: str, members: list[dict[str, str]]
) -> None:
    """Add the rows of a cgsnapshot's snapshots that do not exist yet."""
    parent = cgsnapshot.get(session, cgsnapshot_id, None)
    existing = {row.id for row in snapshot.of_cgsnapshot(session, cgsnapshot_id)}
    volumes = {row.id: row for row in volume.members_of(session, parent.consistencygroup_id)}
    now = clock.now()
    rows = [
        {
            "id": member["snapshot_id"],
            "user_id": parent.user_id,
            "project_id": parent.project_id,
            "name": parent.name,
            "description": parent.description,
            "status": Status.CREATING.value,
            "claimed_by": flow_id,
            "flow_id": flow_id,
            "created_at": now,
            "volume_id": member["volume_id"],
            "cgsnapshot_id": parent.id,
            "consistencygroup_id": parent.consistencygroup_id,
            "size": volumes[member["volume_id"]].size,
            "progress": "0%",
            "volume_type_id": volumes[member["volume_id"]].volume_type_id,
        }
        for member in members
        if member["snapshot_id"] not in existing
    ]
    if rows:
        snapshot.REPOSITORY.add(session, *rows)


class CreateVolumes(Task):
    """Add a row for every new volume, in ``creating``, with the columns taken over from its source.

    Revert: delete the rows.
    """

    atom = "record.create_volumes"
    is_database_only = True

    def execute(
        self, database: Database, flow_id: str, resource_id: str, host: str, copied: ClonedColumns
    ) -> None:
        with database.write() as session:
            group = consistencygroup.get(session, resource_id, None)
            existing = {row.id for row in volume.members_of(session, resource_id)}
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
            rows = [
                {"id": id_, **shared, **columns} for id_, columns in copied.items() if id_ not in existing
            ]
            if rows:
                volume.REPOSITORY.add(session, *rows)

    def revert(self, database: Database, flow_id: str, copied: ClonedColumns, **_: object) -> None:
        with database.write() as session:
            volume.REPOSITORY.soft_delete(session, list(copied), flow_id)


class CommitRecord(Commit):
    """Base of the commit steps that change records.

    Revert: nothing was committed. Verify that the flow still holds its claims: others may use what
    was released, and the steps before this one must not be undone then.
    """

    atom = "record.commit"

    def revert(self, database: Database, flow_id: str, claims: Claims, **_: object) -> None:
        with database.read() as session:
            verify_claims(session, flow_id, claims)


class CommitGroup(CommitRecord):
    """Make the group ``available``, with ``created_at`` set to the time of completion."""

    def execute(self, database: Database, flow_id: str, resource_id: str) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            consistencygroup.REPOSITORY.release_with_status(
                session, [resource_id], flow_id, Status.AVAILABLE, consumes_quota=True, created_at=clock.now()
            )


class CommitGroupClone(CommitRecord):
    """Make the group and its volumes ``available``, with ``created_at`` set to now; release the source."""

    def execute(
        self, database: Database, flow_id: str, resource_id: str, claims: Claims, copied: ClonedColumns
    ) -> None:
        final: dict[str, Any] = {"consumes_quota": True, "created_at": clock.now()}
        with database.write() as session:
            reservations.commit(session, flow_id)
            volume.REPOSITORY.release_with_status(session, list(copied), flow_id, Status.AVAILABLE, **final)
            consistencygroup.REPOSITORY.release_with_status(
                session, [resource_id], flow_id, Status.AVAILABLE, **final
            )
            release_claims(session, flow_id, claims)


class CommitVolume(CommitRecord):
    """Make the volume ``available``, and release its source."""

    def execute(self, database: Database, flow_id: str, resource_id: str, claims: Claims) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            volume.REPOSITORY.release_with_status(
                session, [resource_id], flow_id, Status.AVAILABLE, consumes_quota=True
            )
            release_claims(session, flow_id, claims)


class CommitExtend(CommitRecord):
    """Record the new size, and return the volume to its resting status: ``in-use`` if it is attached."""

    def execute(self, database: Database, flow_id: str, resource_id: str, new_size: int) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            rest = resting_status_of(session, "volume", resource_id)
            volume.REPOSITORY.release_with_status(session, [resource_id], flow_id, rest, size=new_size)


class ReleaseRestoredVolume(Task):
    """Make a volume ``available`` again without other changes to its record, and release all claims.

    Revert: nothing. The step is after the point of no return.
    """

    atom = "record.commit"
    is_database_only = True

    def execute(self, database: Database, flow_id: str, resource_id: str, claims: Claims) -> None:
        with database.write() as session:
            volume.REPOSITORY.release_with_status(session, [resource_id], flow_id, Status.AVAILABLE)
            release_claims(session, flow_id, claims)


class CommitRetype(CommitRecord):
    """Record the new type, to which quota is charged from then on."""

    def execute(self, database: Database, flow_id: str, resource_id: str, volume_type_ids: list[str]) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            (new_type,) = volume_type_ids
            volume.REPOSITORY.release_with_status(
                session, [resource_id], flow_id, Status.AVAILABLE, volume_type_id=new_type
            )


class CommitSnapshot(CommitRecord):
    """Make the snapshot of a single volume ``available``, and release the volume."""

    def execute(self, database: Database, flow_id: str, resource_id: str, claims: Claims) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            snapshot.REPOSITORY.release_with_status(
                session, [resource_id], flow_id, Status.AVAILABLE, progress="100%", consumes_quota=True
            )
            release_claims(session, flow_id, claims)


class CommitCgsnapshot(CommitRecord):
    """Make the cgsnapshot and every member's snapshot ``available``, and release the group."""

    def execute(
        self,
        database: Database,
        flow_id: str,
        resource_id: str,
        members: list[dict[str, str]],
        claims: Claims,
        evidence: Mapping[str, Any],
    ) -> None:
        snapshot_ids = [member["snapshot_id"] for member in members]
        with database.write() as session:
            reservations.commit(session, flow_id)
            snapshot.REPOSITORY.release_with_status(
                session, snapshot_ids, flow_id, Status.AVAILABLE, progress="100%", consumes_quota=True
            )
            cgsnapshot.REPOSITORY.release_with_status(
                session, [resource_id], flow_id, Status.AVAILABLE, evidence=dict(evidence)
            )
            release_claims(session, flow_id, claims)


class DeleteRecords(Commit):
    """Delete the records and release their quota, in one transaction.

    Revert: nothing is restored. What was deleted stays deleted.
    """

    atom = "record.destroy"
    heeds_cancel = False

    def execute(
        self, database: Database, settings: Settings, flow_id: str, claims: Claims, deleting: list[str]
    ) -> None:
        with database.write() as session:
            for noun in deleting:
                delete_and_refund(session, settings, flow_id, noun, claims[noun])
            release_claims(session, flow_id, claims)
