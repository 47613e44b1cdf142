"""Create a consistency group with volumes that hold what another one holds at one instant.

The members of the source are cut for that, and the cut is removed again, be it
that all goes well or that everything is undone. The source is held meanwhile.
If a step fails the new volumes and the place of the group are removed, the
quota of all of them is given back, and the record of the new group is left in
``error`` with the reason, on no backend.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member
from flows.tasks import claim, copy_group, driver, placement, quota


def create_consistencygroup_from_group(members: list[Member]) -> Flow:
    """Build the story for members, each with ``volume_id``, ``snapshot_id`` and ``new_id``."""
    return linear_flow.Flow("consistencygroup.create_from_group").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleCopy(),
        copy_group.CreateVolumes(),
        driver.CreateGroup(),
        for_each_member(members, copy_group.PrepareSource),
        copy_group.CutSource(),
        for_each_member(members, copy_group.CloneMember),
        for_each_member(members, copy_group.DropSource),
        copy_group.CommitCopy(),
    )
