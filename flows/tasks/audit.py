"""Steps of the flows that repair audit findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cgflow.audit.auditor import Auditor
from cgflow.config import Settings
from cgflow.db.database import Database
from cgflow.db.repositories import message as messages
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.drivers.contract import SnapshotSpec
from cgflow.engine.outcome import reason_from_failures
from cgflow.engine.task import Commit, Task
from cgflow.errors import InvalidState
from cgflow.status import Status
from flows.driver_calls import call_with_retry, verify_restore
from flows.tasks.claim import Claim, Claims, Failures, release_claims
from flows.tasks.driver import Drivers, Source, group_snapshot_driver
from flows.tasks.record import CommitRecord
from flows.tasks.restore import restoring_driver


class ClaimForRepair(Claim):
    """Hold the records that the repair concerns.

    ``rested`` is the status of the repaired resource's own record, None if it has none.

    Revert: release the records unchanged, with the reason why the repair failed.
    """

    atom = "claim.repair"

    def revert(
        self,
        database: Database,
        flow_id: str,
        resource_type: str,
        resource_id: str,
        claims: Claims,
        rested: str | None,
        flow_failures: Failures,
        **_: object,
    ) -> None:
        reason = reason_from_failures(flow_failures.values())
        with database.write() as session:
            messages.record(session, flow_id, messages.UNDONE, reason)
            if rested is not None:
                REPOSITORIES[resource_type].release_with_status(
                    session, [resource_id], flow_id, Status(rested), reason
                )
            release_claims(session, flow_id, claims)


class VerifyFinding(Task):
    """Audit again while the records are claimed, and raise InvalidState if the finding no longer holds.

    Revert: nothing to undo.
    """

    atom = "audit.confirm"
    reads_only = True

    def execute(
        self,
        database: Database,
        drivers: Drivers,
        settings: Settings,
        flow_id: str,
        host: str,
        finding_id: str,
    ) -> None:
        auditor = Auditor(database, settings, drivers)
        if not auditor.finding_still_exists(host, finding_id, flow_id):
            raise InvalidState(
                f"Finding {finding_id} no longer holds, or a flow is changing its resource. Audit again."
            )


class UnexportSnapshot(Task):
    """Withdraw the address of a snapshot.

    Revert: nothing is restored. A client that may read the snapshot can request its address again.
    """

    atom = "driver.unexport"

    def execute(
        self, drivers: Drivers, host: str, resource_id: str, group_id: str | None, volume_id: str, cut_id: str
    ) -> None:
        spec = SnapshotSpec(resource_id, volume_id, cut_id, group_id)
        call_with_retry(group_snapshot_driver(drivers, host).unexport_snapshot, spec)


class EndRestore(Task):
    """Finish or undo a restore on the backend, according to how the flow that made it ended.

    Revert: nothing is restored.
    """

    atom = "driver.end_restore"

    def execute(
        self,
        drivers: Drivers,
        host: str,
        group_id: str | None,
        restore_id: str,
        sources: list[Source],
        is_put_back: bool,
    ) -> None:
        driver = restoring_driver(drivers, host)
        specs = [SnapshotSpec(**source) for source in sources]  # type: ignore[arg-type]
        call_with_retry(driver.undo_restore if is_put_back else driver.finish_restore, restore_id, specs)
        verify_restore(drivers[host], restore_id, group_id, kept=False)


class ReleaseRecords(Commit):
    """Release the records unchanged.

    Revert: nothing is restored. The records stay released, because what was removed does not come
    back.
    """

    atom = "record.release"
    heeds_cancel = False

    def execute(self, database: Database, flow_id: str, claims: Claims) -> None:
        with database.write() as session:
            release_claims(session, flow_id, claims)


class CommitRepair(CommitRecord):
    """Record the changes of the repair, if any, and release all claims."""

    def execute(
        self,
        database: Database,
        flow_id: str,
        resource_type: str,
        resource_id: str,
        claims: Claims,
        columns: Mapping[str, Any],
    ) -> None:
        with database.write() as session:
            if columns:
                REPOSITORIES[resource_type].update_claimed(session, [resource_id], flow_id, **columns)
            release_claims(session, flow_id, claims)
