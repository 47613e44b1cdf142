"""Steps that make, finish and remove the records of what a flow works on.

The commits are the points of no return of their stories. Each is one transaction:
the reservation becomes usage, the things come to rest, and the claims go. So usage
is the sum over the living rows at every moment, and whoever sees a thing
``available`` finds it free and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.repositories import cgsnapshot, consistencygroup, snapshot, volume
from cgflow.engine.task import Commit, Task
from cgflow.quota import reservations
from cgflow.settings import Settings
from cgflow.status import Status
from flows.tasks.claim import Claims, check_held, forget, release_others, rest_of


class CreateSnapshots(Task):
    """Add one row for every member, in ``creating``, named like the cgsnapshot.

    Revert: delete the rows.
    """

    atom = "record.create_snapshots"

    def execute(
        self, database: Database, flow_id: str, resource_id: str, members: list[dict[str, str]]
    ) -> None:
        with database.write() as session:
            add_snapshots(session, flow_id, resource_id, members)

    def revert(self, database: Database, flow_id: str, members: list[dict[str, str]], **_: object) -> None:
        with database.write() as session:
            snapshot.REPOSITORY.destroy(session, [member["snapshot_id"] for member in members], flow_id)


def add_snapshots(session: Session, flow_id: str, cgsnapshot_id: str, members: list[dict[str, str]]) -> None:
    """Add the rows of a cgsnapshot's copies that are not there yet."""
    whole = cgsnapshot.get(session, cgsnapshot_id, None)
    there = {row.id for row in snapshot.of_cgsnapshot(session, cgsnapshot_id)}
    volumes = {row.id: row for row in volume.members_of(session, whole.consistencygroup_id)}
    now = clock.now()
    rows = [
        {
            "id": member["snapshot_id"],
            "user_id": whole.user_id,
            "project_id": whole.project_id,
            "name": whole.name,
            "description": whole.description,
            "status": Status.CREATING.value,
            "claimed_by": flow_id,
            "flow_id": flow_id,
            "created_at": now,
            "volume_id": member["volume_id"],
            "cgsnapshot_id": whole.id,
            "consistencygroup_id": whole.consistencygroup_id,
            "size": volumes[member["volume_id"]].size,
            "progress": "0%",
            "volume_type_id": volumes[member["volume_id"]].volume_type_id,
        }
        for member in members
        if member["snapshot_id"] not in there
    ]
    if rows:
        snapshot.REPOSITORY.add(session, *rows)


class CommitRecord(Commit):
    """Base of the commits that change records.

    Revert: nothing was committed. Make sure of that: what was let go is used by
    others, and the steps above must not be undone under them.
    """

    atom = "record.commit"

    def revert(self, database: Database, flow_id: str, claims: Claims, **_: object) -> None:
        with database.read() as session:
            check_held(session, flow_id, claims)


class CommitGroup(CommitRecord):
    """Make the group ``available``; its time of creation is that of its completion."""

    def execute(self, database: Database, flow_id: str, resource_id: str) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            consistencygroup.REPOSITORY.settle(
                session, [resource_id], flow_id, Status.AVAILABLE, consumes_quota=True, created_at=clock.now()
            )


class CommitVolume(CommitRecord):
    """Make the volume ``available``, and let go what it was made from."""

    def execute(self, database: Database, flow_id: str, resource_id: str, claims: Claims) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            volume.REPOSITORY.settle(session, [resource_id], flow_id, Status.AVAILABLE, consumes_quota=True)
            release_others(session, flow_id, claims)


class CommitExtend(CommitRecord):
    """Record the new size and let the volume rest again, ``in-use`` if it is attached."""

    def execute(self, database: Database, flow_id: str, resource_id: str, new_size: int) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            rest = rest_of(session, "volume", resource_id)
            volume.REPOSITORY.settle(session, [resource_id], flow_id, rest, size=new_size)


class SettleVolume(Task):
    """Make a volume ``available`` again whose record stays as it was, and let go what was held for it.

    Revert: nothing comes back. It stands behind the point of no return.
    """

    atom = "record.commit"

    def execute(self, database: Database, flow_id: str, resource_id: str, claims: Claims) -> None:
        with database.write() as session:
            volume.REPOSITORY.settle(session, [resource_id], flow_id, Status.AVAILABLE)
            release_others(session, flow_id, claims)


class CommitRetype(CommitRecord):
    """Record the new type, for which the quota is counted from now on."""

    def execute(self, database: Database, flow_id: str, resource_id: str, volume_type_ids: list[str]) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            (new_type,) = volume_type_ids
            volume.REPOSITORY.settle(
                session, [resource_id], flow_id, Status.AVAILABLE, volume_type_id=new_type
            )


class CommitSnapshot(CommitRecord):
    """Make a copy that stands alone ``available``, and let its volume go."""

    def execute(self, database: Database, flow_id: str, resource_id: str, claims: Claims) -> None:
        with database.write() as session:
            reservations.commit(session, flow_id)
            snapshot.REPOSITORY.settle(
                session, [resource_id], flow_id, Status.AVAILABLE, progress="100%", consumes_quota=True
            )
            release_others(session, flow_id, claims)


class CommitCgsnapshot(CommitRecord):
    """Make the cgsnapshot and every member's copy ``available``, and let the group go."""

    def execute(
        self,
        database: Database,
        flow_id: str,
        resource_id: str,
        members: list[dict[str, str]],
        claims: Claims,
        evidence: Mapping[str, Any],
    ) -> None:
        copies = [member["snapshot_id"] for member in members]
        with database.write() as session:
            reservations.commit(session, flow_id)
            snapshot.REPOSITORY.settle(
                session, copies, flow_id, Status.AVAILABLE, progress="100%", consumes_quota=True
            )
            cgsnapshot.REPOSITORY.settle(
                session, [resource_id], flow_id, Status.AVAILABLE, evidence=dict(evidence)
            )
            release_others(session, flow_id, claims)


class Destroy(Commit):
    """Delete the records and give back what they counted, in one transaction.

    Revert: nothing comes back. What was deleted stays so.
    """

    atom = "record.destroy"
    heeds_cancel = False

    def execute(
        self, database: Database, settings: Settings, flow_id: str, claims: Claims, deleting: list[str]
    ) -> None:
        with database.write() as session:
            for noun in deleting:
                forget(session, settings, flow_id, noun, claims[noun])
            release_others(session, flow_id, claims)
