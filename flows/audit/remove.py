"""Remove from the backend what has no record: an object, an address, or the data kept for a restore.

The finding is verified again first, while the flow holds the records concerned. What is removed
cannot be restored, so the flow only goes forward: a failed step is retried. If the removal fails
for good, the records are released unchanged.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from cgflow.engine.task import Task
from flows.segments import Member, forward_only
from flows.tasks import audit, driver

VOLUME, SNAPSHOT, GROUP, EXPORT, RESTORE = "volume", "snapshot", "group", "export", "restore"


def remove(what: str, copy: Member | None = None) -> Flow:
    """Build the flow for one kind of object; a snapshot is given by its ``volume_id`` and ``snapshot_id``."""
    return linear_flow.Flow("audit.remove").add(
        audit.ClaimForRepair(),
        audit.VerifyFinding(),
        forward_only("audit.removed", _step(what, copy), audit.ReleaseRecords()),
    )


def _step(what: str, copy: Member | None) -> Task:
    match what:
        case "volume":
            return driver.DeleteVolume()
        case "snapshot":
            return driver.DeleteSnapshot(copy)
        case "group":
            return driver.DeleteGroup()
        case "export":
            return audit.Unexport(copy)
        case _:
            return audit.EndRestore()
