"""Create a consistency group with volumes cloned from a cgsnapshot, on the same backend.

If a step fails, the new volumes and the group are removed from the backend, all of the quota is
released, and the group's record is left in ``error`` with the reason and without a backend. The
cgsnapshot is only read: several groups can be created from it concurrently, and it cannot be
deleted meanwhile.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member
from flows.tasks import claim, copy_group, driver, placement, quota


def create_consistencygroup_from_cgsnapshot(members: list[Member]) -> Flow:
    """Build the flow for members, each with ``volume_id``, ``snapshot_id`` and ``new_id``."""
    return linear_flow.Flow("consistencygroup.create_from_cgsnapshot").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleGroupClone(),
        copy_group.CreateVolumes(),
        driver.CreateGroup(),
        for_each_member(members, copy_group.CloneMember),
        copy_group.CommitGroupClone(),
    )
