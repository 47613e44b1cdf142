"""The flows of operations on volumes, step by step.

A create that fails removes the volume from the backend, releases the quota, and leaves the record
in ``error`` with the reason and without a backend.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from cgflow.engine.task import Task
from flows.subflows import Member, for_each_member, forward_only
from flows.tasks import claim, driver, placement, record, restore


def create() -> Flow:
    """Create a volume, alone or in a consistency group, on a backend that fits its type."""
    return linear_flow.Flow("volume.create").add(
        claim.ClaimForCreate(),
        claim.ReserveQuota(),
        placement.ScheduleVolume(),
        driver.CreateVolume(),
        record.CommitVolume(),
    )


def create_from_snapshot() -> Flow:
    """Create a volume from a snapshot, on the backend of the snapshot.

    The flow holds the snapshot, so that it cannot be deleted during the cloning.
    """
    return linear_flow.Flow("volume.create_from_snapshot").add(
        claim.ClaimForCreate(),
        claim.ReserveQuota(),
        placement.ScheduleVolume(),
        driver.CloneVolume(),
        record.CommitVolume(),
    )


def create_from_volume(copy: Member) -> Flow:
    """Create a volume from another volume at one instant, on the same backend.

    ``copy`` has the symbols of the temporary snapshot that is taken of the other volume. The flow
    removes it again, on success and on failure; users never see it.
    """
    return linear_flow.Flow("volume.create_from_volume").add(
        claim.ClaimForCreate(),
        claim.ReserveQuota(),
        placement.ScheduleVolume(),
        driver.PrepareSnapshot(copy),
        driver.CutMembers(copy),
        driver.VerifySnapshot(copy),
        driver.CloneVolume(),
        driver.DeleteSnapshot(copy),
        record.CommitVolume(),
    )


def extend() -> Flow:
    """Extend a volume.

    If a step fails, the old size is restored, the quota is released, and the volume returns to its
    resting status with the reason.
    """
    return linear_flow.Flow("volume.extend").add(
        claim.ClaimForChange(),
        claim.ReserveQuota(),
        placement.CheckExtend(),
        driver.ExtendVolume(),
        record.CommitExtend(),
    )


def retype() -> Flow:
    """Change a volume to another type that its backend also supports.

    Nothing changes on the backend. If a step fails, the volume keeps its old type, the quota is
    unchanged, and the volume is ``available`` again with the reason.
    """
    return linear_flow.Flow("volume.retype").add(
        claim.ClaimForChange(),
        claim.ReserveQuota(),
        placement.CheckRetype(),
        record.CommitRetype(),
    )


def revert() -> Flow:
    """Restore a volume to one of its snapshots.

    The previous data of the volume is kept aside first. If a step fails before the point of no
    return, the volume is left unchanged with the reason. After the point of no return, which
    precedes the discarding of the previous data, the flow only goes forward.
    """
    return linear_flow.Flow("volume.revert").add(
        claim.ClaimForChange(),
        restore.Restore(),
        restore.CommitRestore(),
        forward_only("volume.restored", restore.FinishRestore(), record.ReleaseRestoredVolume()),
    )


def compact() -> Flow:
    """Compact a volume, so that it is as fast as it was with fewer snapshots.

    The service starts this flow itself when the backend reports that compaction is due. The flow
    claims nothing: nothing visible changes, and other operations on the volume continue, because
    the backend gives them precedence. Nothing has to be undone. A failed step is retried, and then
    retried by a later flow.
    """
    return linear_flow.Flow("volume.compact").add(forward_only("volume.compacted", driver.CompactVolume()))


def delete(is_placed: bool, copies: list[Member] | None = None) -> Flow:
    """Delete a volume that is in no consistency group, with its snapshots ``copies`` if requested.

    A volume that was never on a backend has only a record. Deletion only goes forward: a failed
    step is retried. If the volume cannot be removed, it is left in ``error_deleting`` with the
    reason.
    """
    removal: list[Task | Flow] = [driver.DeleteVolume()] if is_placed else []
    if copies:
        removal.insert(0, for_each_member(copies, driver.DeleteVolumeSnapshot))
    return linear_flow.Flow("volume.delete").add(
        claim.ClaimForDelete(),
        forward_only("volume.remove", *removal, record.DeleteRecords()),
    )
