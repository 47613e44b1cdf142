"""The flows that repair audit findings on a backend, step by step.

Each verifies the finding again first, while it holds the records concerned.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from cgflow.engine.task import Task
from flows.subflows import Member, forward_only
from flows.tasks import audit, driver, membership

PLACE, SIZE, MEMBER = "place", "size", "member"
"""What ``conform`` changes: a group's existence, a volume's size, or a volume's group."""

VOLUME, SNAPSHOT, GROUP, EXPORT, RESTORE = "volume", "snapshot", "group", "export", "restore"
"""What ``remove`` removes: an object, an address, or the data kept for a restore."""


def conform(what: str, member: Member | None = None) -> Flow:
    """Change the backend to match the record.

    A member is given by its ``volume_id``. If a step fails, the backend is left as it was found.
    """
    return linear_flow.Flow("audit.conform").add(
        audit.ClaimForRepair(), audit.VerifyFinding(), _conform_step(what, member), audit.CommitRepair()
    )


def remove(what: str, copy: Member | None = None) -> Flow:
    """Remove from the backend what has no record.

    ``copy`` is the snapshot to remove, given by ``volume_id`` and ``snapshot_id``. What is removed
    cannot be restored, so the flow only goes forward: a failed step is retried. If the removal
    fails for good, the records are released unchanged.
    """
    return linear_flow.Flow("audit.remove").add(
        audit.ClaimForRepair(),
        audit.VerifyFinding(),
        forward_only("audit.removed", _removal_step(what, copy), audit.ReleaseRecords()),
    )


def _conform_step(what: str, member: Member | None) -> Task:
    match what:
        case "place":
            return driver.CreateGroup()
        case "size":
            return driver.ExtendVolume()
        case _:
            return membership.MoveVolume(member)


def _removal_step(what: str, snapshot: Member | None) -> Task:
    match what:
        case "volume":
            return driver.DeleteVolume()
        case "snapshot":
            return driver.DeleteSnapshot(snapshot)
        case "group":
            return driver.DeleteGroup()
        case "export":
            return audit.UnexportSnapshot(snapshot)
        case _:
            return audit.EndRestore()
