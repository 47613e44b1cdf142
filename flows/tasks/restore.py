"""Steps that put volumes back to their copies. What they held is kept aside until there is no way back."""

from __future__ import annotations

from typing import Any

from cgflow.db.database import Database
from cgflow.db.repositories import consistencygroup, volume
from cgflow.drivers.contract import Restoring, SnapshotSpec
from cgflow.engine.task import Commit, Task
from cgflow.errors import FinalDriverError
from cgflow.status import Status
from flows.driver_calls import call_with_retry, verify_restore
from flows.tasks.claim import Claims, release_others
from flows.tasks.clone import Source
from flows.tasks.driver import Drivers


def restoring_driver(drivers: Drivers, host: str) -> Restoring:
    """Return the driver of a backend as one that restores. Raises: FinalDriverError if it can not."""
    driver = drivers[host]
    if not isinstance(driver, Restoring):
        raise FinalDriverError(f"Backend {host} cannot put a volume back to a snapshot.")
    return driver


class Restore(Task):
    """Put each volume back to its copy, all of them or none. The flow's id is that of the restore.

    Revert: give the volumes back what they held, unless that is gone already.
    """

    atom = "driver.restore"

    def execute(
        self, drivers: Drivers, host: str, flow_id: str, group_id: str | None, sources: list[Source]
    ) -> None:
        call_with_retry(restoring_driver(drivers, host).restore, flow_id, _specs(sources))
        verify_restore(drivers[host], flow_id, group_id, kept=True)

    def revert(
        self,
        drivers: Drivers,
        host: str,
        flow_id: str,
        group_id: str | None,
        sources: list[Source],
        **_: Any,
    ) -> None:
        if isinstance(driver := drivers[host], Restoring):  # One that cannot restore has changed nothing.
            call_with_retry(driver.undo_restore, flow_id, _specs(sources))
        verify_restore(drivers[host], flow_id, group_id, kept=False)


class LeaveWayBack(Commit):
    """Record that what the volumes held is going to be forgotten, and have no other effect.

    Revert: make sure that what the volumes held is still kept aside. A flow of an
    earlier release may have forgotten it already; its undo then fails: the volumes
    hold the snapshots' content, and whoever skips this step says that he knows.
    """

    atom = "driver.leave_way_back"

    def execute(self, database: Database) -> None:
        with database.write():
            pass  # The engine records the commit in it.

    def revert(self, drivers: Drivers, host: str, flow_id: str, group_id: str | None, **_: Any) -> None:
        if flow_id not in call_with_retry(drivers[host].inventory, group_id).restores:
            raise FinalDriverError(
                "What the volumes held before is forgotten already, so they stay as the snapshots have them. "
                "Skip this step to leave it at that."
            )


class FinishRestore(Task):
    """Forget what the volumes held before.

    Revert: nothing comes back.
    """

    atom = "driver.finish_restore"

    def execute(
        self, drivers: Drivers, host: str, flow_id: str, group_id: str | None, sources: list[Source]
    ) -> None:
        call_with_retry(restoring_driver(drivers, host).finish_restore, flow_id, _specs(sources))
        verify_restore(drivers[host], flow_id, group_id, kept=False)


class SettleGroup(Task):
    """Make a group and its members ``available`` again, and let go what they were put back to.

    Revert: nothing comes back. It stands behind the point of no return.
    """

    atom = "record.commit"

    def execute(self, database: Database, flow_id: str, resource_id: str, claims: Claims) -> None:
        with database.write() as session:
            volume.REPOSITORY.settle(session, claims["volume"], flow_id, Status.AVAILABLE)
            consistencygroup.REPOSITORY.settle(session, [resource_id], flow_id, Status.AVAILABLE)
            release_others(session, flow_id, claims)


def _specs(sources: list[Source]) -> list[SnapshotSpec]:
    return [SnapshotSpec(**source) for source in sources]  # type: ignore[arg-type]
