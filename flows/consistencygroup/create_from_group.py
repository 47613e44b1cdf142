"""Create a consistency group with volumes cloned from another group at one instant, on the same backend.

The flow cuts the members of the source group, and removes the cut again on success and on failure.
It holds the source group meanwhile. If a step fails, the new volumes and the new group are removed
from the backend, all of the quota is released, and the new group's record is left in ``error`` with
the reason and without a backend.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member
from flows.tasks import claim, copy_group, driver, placement, quota


def create_consistencygroup_from_group(members: list[Member]) -> Flow:
    """Build the flow for members, each with ``volume_id``, ``snapshot_id`` and ``new_id``."""
    return linear_flow.Flow("consistencygroup.create_from_group").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleGroupClone(),
        copy_group.CreateVolumes(),
        driver.CreateGroup(),
        for_each_member(members, copy_group.PrepareSourceSnapshot),
        copy_group.CutSourceGroup(),
        for_each_member(members, copy_group.CloneMember),
        for_each_member(members, copy_group.DeleteSourceSnapshot),
        copy_group.CommitGroupClone(),
    )
