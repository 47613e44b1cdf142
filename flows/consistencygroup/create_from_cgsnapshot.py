"""Create a consistency group with volumes that hold what a cgsnapshot holds, on the same backend.

If a step fails the new volumes and the place of the group are removed, the
quota of all of them is given back, and the record of the group is left in
``error`` with the reason, on no backend. The cgsnapshot is only read: several
groups can be made from it side by side, and it cannot be deleted meanwhile.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member
from flows.tasks import claim, copy_group, driver, placement, quota


def create_consistencygroup_from_cgsnapshot(members: list[Member]) -> Flow:
    """Build the story for members, each with ``volume_id``, ``snapshot_id`` and ``new_id``."""
    return linear_flow.Flow("consistencygroup.create_from_cgsnapshot").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleCopy(),
        copy_group.CreateVolumes(),
        driver.CreateGroup(),
        for_each_member(members, copy_group.CloneMember),
        copy_group.CommitCopy(),
    )
