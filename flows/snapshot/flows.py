"""The flows of operations on snapshots of single volumes, step by step."""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.subflows import Member, forward_only
from flows.tasks import claim, driver, placement, record


def create(member: Member) -> Flow:
    """Take a snapshot of one volume: a cut with a single member.

    ``member`` has the symbols ``volume_id`` and ``snapshot_id``. If a step fails, the snapshot is
    removed, the quota is released, the record is left in ``error`` with the reason, and the volume
    is released unchanged.
    """
    return linear_flow.Flow("snapshot.create").add(
        claim.ClaimForCreate(),
        claim.ReserveQuota(),
        placement.CheckSnapshot(),
        driver.PrepareSnapshot(member),
        driver.CutMembers(),
        driver.VerifySnapshot(member),
        record.CommitSnapshot(),
    )


def delete(member: Member, is_placed: bool) -> Flow:
    """Delete a snapshot of one volume. The volume continues to serve I/O.

    A snapshot of a volume that was never on a backend has only a record. Deletion only goes
    forward: a failed step is retried. If the snapshot cannot be removed, it is left in
    ``error_deleting`` with the reason.
    """
    removal = [driver.DeleteSnapshot(member)] if is_placed else []
    return linear_flow.Flow("snapshot.delete").add(
        claim.ClaimForDelete(),
        forward_only("snapshot.remove", *removal, record.DeleteRecords()),
    )
