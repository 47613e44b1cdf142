"""Steps that restore volumes to snapshots. The previous data is kept aside until the point of no return."""

from __future__ import annotations

from typing import Any

from cgflow.db.database import Database
from cgflow.db.repositories import consistencygroup, volume
from cgflow.drivers.contract import Restoring, SnapshotSpec
from cgflow.engine.task import Commit, Task
from cgflow.errors import FinalDriverError
from cgflow.status import Status
from flows.driver_calls import call_with_retry, verify_restore
from flows.tasks.claim import Claims, release_claims
from flows.tasks.driver import Drivers, Source


def restoring_driver(drivers: Drivers, host: str) -> Restoring:
    """Return the backend's driver, which must support restoring. Raises: FinalDriverError, if it does not."""
    driver = drivers[host]
    if not isinstance(driver, Restoring):
        raise FinalDriverError(f"Backend {host} cannot restore a volume to a snapshot.")
    return driver


class Restore(Task):
    """Restore each volume to its snapshot, all or none. The id of the restore is the flow's id.

    Revert: restore the previous data, unless it has already been discarded.
    """

    atom = "driver.restore"

    def execute(
        self, drivers: Drivers, host: str, flow_id: str, group_id: str | None, sources: list[Source]
    ) -> None:
        call_with_retry(restoring_driver(drivers, host).restore, flow_id, _snapshot_specs(sources))
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
        if isinstance(driver := drivers[host], Restoring):  # A driver without this has changed nothing.
            call_with_retry(driver.undo_restore, flow_id, _snapshot_specs(sources))
        verify_restore(drivers[host], flow_id, group_id, kept=False)


class CommitRestore(Commit):
    """Record the point of no return, after which the previous data is discarded; no other effect.

    Revert: verify that the backend still keeps the previous data. A flow of an earlier release may
    have discarded it already. The revert then fails, because the volumes hold the content of the
    snapshots. An operator who skips this step accepts that.
    """

    atom = "driver.leave_way_back"

    def execute(self, database: Database) -> None:
        with database.write():
            pass  # The engine records the commit in this transaction.

    def revert(self, drivers: Drivers, host: str, flow_id: str, group_id: str | None, **_: Any) -> None:
        if flow_id not in call_with_retry(drivers[host].inventory, group_id).restores:
            raise FinalDriverError(
                "The previous data of the volumes has already been discarded, so the volumes keep the data "
                "of the snapshots. Skip this step to accept that."
            )


class FinishRestore(Task):
    """Discard the previous data of the volumes.

    Revert: nothing is restored.
    """

    atom = "driver.finish_restore"

    def execute(
        self, drivers: Drivers, host: str, flow_id: str, group_id: str | None, sources: list[Source]
    ) -> None:
        call_with_retry(restoring_driver(drivers, host).finish_restore, flow_id, _snapshot_specs(sources))
        verify_restore(drivers[host], flow_id, group_id, kept=False)


class ReleaseRestoredGroup(Task):
    """Make a group and its members ``available`` again, and release the snapshots.

    Revert: nothing. The step is after the point of no return.
    """

    atom = "record.commit"
    is_database_only = True

    def execute(self, database: Database, flow_id: str, resource_id: str, claims: Claims) -> None:
        with database.write() as session:
            volume.REPOSITORY.release_with_status(session, claims["volume"], flow_id, Status.AVAILABLE)
            consistencygroup.REPOSITORY.release_with_status(session, [resource_id], flow_id, Status.AVAILABLE)
            release_claims(session, flow_id, claims)


def _snapshot_specs(sources: list[Source]) -> list[SnapshotSpec]:
    return [SnapshotSpec(**source) for source in sources]  # type: ignore[arg-type]
