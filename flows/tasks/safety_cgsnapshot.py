"""Steps that take a safety cgsnapshot of a group before the group is restored to an earlier one.

``cut_id`` is its id, ``safety`` holds the columns of its record, and ``members`` are pairs of
``volume_id`` and ``snapshot_id``. It is undone with the rest of the flow as long as the previous
data of the members can be restored. After the point of no return it is an ordinary cgsnapshot that
no undo removes, because it may be the only copy of the previous data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.repositories import cgsnapshot, snapshot
from cgflow.engine.task import Task
from cgflow.quota import reservations
from cgflow.status import Status
from flows.tasks.driver import CutGroup, Drivers, MemberSnapshotTask, PrepareSnapshot, VerifySnapshot
from flows.tasks.record import add_missing_snapshot_rows


def is_safety_cgsnapshot_kept(database: Database, cut_id: str) -> bool:
    """Return whether a safety cgsnapshot has become an ordinary one, which no undo removes."""
    rows = cgsnapshot.REPOSITORY
    with database.read() as session:
        found = rows.list_by_ids(session, [cut_id])
    return any(one.status is Status.AVAILABLE for one in found)


class CreateSafetyRecords(Task):
    """Add the row of the cgsnapshot and one for every member's snapshot, in ``creating``.

    Revert: delete the rows, unless the cgsnapshot is kept.
    """

    atom = "record.create_safety"
    is_database_only = True

    def execute(
        self,
        database: Database,
        flow_id: str,
        cut_id: str,
        safety: Mapping[str, Any],
        members: list[dict[str, str]],
    ) -> None:
        rows = cgsnapshot.REPOSITORY
        with database.write() as session:
            if not rows.list_by_ids(session, [cut_id]):
                state = {
                    "id": cut_id,
                    "status": Status.CREATING.value,
                    "claimed_by": flow_id,
                    "flow_id": flow_id,
                    "created_at": clock.now(),
                }
                rows.add(session, {**safety, **state})
            add_missing_snapshot_rows(session, flow_id, cut_id, members)

    def revert(
        self, database: Database, flow_id: str, cut_id: str, members: list[dict[str, str]], **_: object
    ) -> None:
        if is_safety_cgsnapshot_kept(database, cut_id):
            return
        with database.write() as session:
            snapshot.REPOSITORY.soft_delete(session, [member["snapshot_id"] for member in members], flow_id)
            cgsnapshot.REPOSITORY.soft_delete(session, [cut_id], flow_id)


class SafetySnapshotTask(MemberSnapshotTask):
    """Base of the steps that create one member's snapshot.

    Revert: remove the snapshot, whatever its state, unless the cgsnapshot is kept.
    """

    def revert(  # type: ignore[override]  # a step is called by the names in its signature
        self,
        database: Database,
        drivers: Drivers,
        host: str,
        group_id: str,
        resource_id: str,
        volume_id: str,
        snapshot_id: str,
        **_: object,
    ) -> None:
        if not is_safety_cgsnapshot_kept(database, resource_id):
            super().revert(drivers, host, group_id, resource_id, volume_id, snapshot_id)


class PrepareSafetySnapshot(SafetySnapshotTask, PrepareSnapshot):
    """Do the slow work for one member's snapshot, before the cut."""


class CutSafetyCgsnapshot(CutGroup):
    """Cut every member, and verify the level demanded and the level promised.

    Revert: remove every snapshot that the cut may have made, unless the cgsnapshot is kept.
    """

    def revert(  # type: ignore[override]  # a step is called by the names in its signature
        self,
        database: Database,
        drivers: Drivers,
        host: str,
        group_id: str,
        resource_id: str,
        members: list[dict[str, str]],
        **_: object,
    ) -> None:
        if not is_safety_cgsnapshot_kept(database, resource_id):
            super().revert(drivers, host, group_id, resource_id, members)


class VerifySafetySnapshot(SafetySnapshotTask, VerifySnapshot):
    """Verify that one member's snapshot exists and can be read."""


class KeepSafetyCgsnapshot(Task):
    """Make the cgsnapshot and its snapshots ``available`` and charge their quota, whatever follows.

    Revert: nothing is restored.
    """

    atom = "record.keep_safety"
    is_database_only = True

    def execute(
        self,
        database: Database,
        flow_id: str,
        cut_id: str,
        members: list[dict[str, str]],
        evidence: Mapping[str, Any],
    ) -> None:
        snapshot_ids = [member["snapshot_id"] for member in members]
        available = Status.AVAILABLE.value
        with database.write() as session:
            reservations.commit_and_delete(session, flow_id)
            snapshot.REPOSITORY.update_claimed(
                session, snapshot_ids, flow_id, status=available, progress="100%", consumes_quota=True
            )
            cgsnapshot.REPOSITORY.update_claimed(
                session, [cut_id], flow_id, status=available, evidence=dict(evidence)
            )
