"""Take a cgsnapshot: one point in time across every member of a consistency group.

If a step fails, the steps before it are undone in reverse order: the snapshots and everything
prepared for them are removed, the members' rows are deleted, the quota is released, and last the
record is left in ``error`` with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member
from flows.tasks import claim, driver, placement, quota, record


def create_cgsnapshot(members: list[Member]) -> Flow:
    """Build the flow for members given as pairs of ``volume_id`` and ``snapshot_id``."""
    return linear_flow.Flow("cgsnapshot.create").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleCgsnapshot(),
        record.CreateSnapshots(),
        for_each_member(members, driver.PrepareSnapshot),
        driver.CutGroup(),
        for_each_member(members, driver.VerifySnapshot),
        record.CommitCgsnapshot(),
    )
