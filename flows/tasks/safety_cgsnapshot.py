"""Steps that take a safety cgsnapshot of a group before the group is put back to an earlier one.

``cut_id`` is its id, ``safety`` holds the columns of its record, ``members`` are
pairs of ``volume_id`` and ``snapshot_id``. It is undone together with the rest
for as long as the members can be given back what they held. From where the
operation only goes forward it is a cgsnapshot like any other, and no undo takes
it away any more: it may be all that still holds what the members held.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cgflow import clock
from cgflow.db.database import Database
from cgflow.db.repositories import cgsnapshot, snapshot
from cgflow.engine.task import Task
from cgflow.quota import reservations
from cgflow.status import Status
from flows.tasks.copy_group import SOURCE, CutSource
from flows.tasks.driver import Drivers, MemberCopy, PrepareSnapshot, TakeSnapshot
from flows.tasks.placement import ScheduleCgsnapshot
from flows.tasks.record import add_snapshots


def is_kept(database: Database, cut_id: str) -> bool:
    """Return whether a safety cgsnapshot has become one like any other, which no undo takes away."""
    rows = cgsnapshot.REPOSITORY
    with database.read() as session:
        found = rows.where(session, rows.model.id == cut_id)
    return any(one.status is Status.AVAILABLE for one in found)


class ScheduleSafety(ScheduleCgsnapshot):
    """Make sure that the group's backend is up, can cut it, and has room for the copies.

    Revert: nothing was changed.
    """

    reads: ClassVar[Mapping[str, str]] = {"resource_id": SOURCE["resource_id"]}


class CreateSafety(Task):
    """Add the row of the cgsnapshot and one for every member's copy, in ``creating``.

    Revert: delete the rows, unless it is kept.
    """

    atom = "record.create_safety"

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
            if not rows.where(session, rows.model.id == cut_id):
                made = {
                    "id": cut_id,
                    "status": Status.CREATING.value,
                    "claimed_by": flow_id,
                    "flow_id": flow_id,
                    "created_at": clock.now(),
                }
                rows.add(session, {**safety, **made})
            add_snapshots(session, flow_id, cut_id, members)

    def revert(
        self, database: Database, flow_id: str, cut_id: str, members: list[dict[str, str]], **_: object
    ) -> None:
        if is_kept(database, cut_id):
            return
        with database.write() as session:
            snapshot.REPOSITORY.destroy(session, [member["snapshot_id"] for member in members], flow_id)
            cgsnapshot.REPOSITORY.destroy(session, [cut_id], flow_id)


class SafetyCopy(MemberCopy):
    """Base of the steps that make one member's copy.

    Revert: remove the copy, whatever became of it, unless it is kept.
    """

    reads = SOURCE

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
        if not is_kept(database, resource_id):
            super().revert(drivers, host, group_id, resource_id, volume_id, snapshot_id)


class PrepareSafety(SafetyCopy, PrepareSnapshot):
    """Do the slow work for one member's copy, outside the cut."""


class CutSafety(CutSource):
    """Cut every member, at the level demanded and at the one promised.

    Revert: remove every copy that the cut may have made, unless they are kept.
    """

    default_provides = "evidence"

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
        if not is_kept(database, resource_id):
            super().revert(drivers, host, group_id, resource_id, members)


class TakeSafety(SafetyCopy, TakeSnapshot):
    """Verify that one member's copy is there and can be read."""


class KeepSafety(Task):
    """Make the cgsnapshot and its copies ``available``, and count them, whatever becomes of the rest.

    Revert: nothing comes back.
    """

    atom = "record.keep_safety"

    def execute(
        self,
        database: Database,
        flow_id: str,
        cut_id: str,
        members: list[dict[str, str]],
        evidence: Mapping[str, Any],
    ) -> None:
        copies = [member["snapshot_id"] for member in members]
        available = Status.AVAILABLE.value
        with database.write() as session:
            reservations.commit_for_good(session, flow_id)
            snapshot.REPOSITORY.change(
                session, copies, flow_id, status=available, progress="100%", consumes_quota=True
            )
            cgsnapshot.REPOSITORY.change(
                session, [cut_id], flow_id, status=available, evidence=dict(evidence)
            )
