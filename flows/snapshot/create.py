"""Take a snapshot of one volume: a cut with a single member.

If a step fails, the snapshot is removed, the quota is released, the record is left in ``error``
with the reason, and the volume is released unchanged.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member
from flows.tasks import claim, driver, placement, quota, record


def create_snapshot(member: Member) -> Flow:
    """Build the flow for a volume and its snapshot, given by ``volume_id`` and ``snapshot_id``."""
    return linear_flow.Flow("snapshot.create").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleSnapshot(),
        driver.PrepareSnapshot(member),
        driver.CutMembers(),
        driver.VerifySnapshot(member),
        record.CommitSnapshot(),
    )
