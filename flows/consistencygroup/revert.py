"""Put a consistency group back to one of its cgsnapshots: every member, or none of them.

If that is wanted, a safety cgsnapshot is taken first. What the members held is
kept aside, so a failure until then leaves them as they were: the safety
cgsnapshot goes again, and the group is ``available`` with the reason why it was
not put back. From the point of no return, before what the members held is
forgotten, the operation goes forward, and the safety cgsnapshot stays in any case.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member, forward_only
from flows.tasks import claim, quota, restore, safety_cgsnapshot


def revert_consistencygroup(members: list[Member]) -> Flow:
    """Build the story for the members of the safety cgsnapshot; with none it is not taken."""
    before = [
        quota.ReserveQuota(),
        safety_cgsnapshot.ScheduleSafety(),
        safety_cgsnapshot.CreateSafety(),
        for_each_member(members, safety_cgsnapshot.PrepareSafety),
        safety_cgsnapshot.CutSafety(),
        for_each_member(members, safety_cgsnapshot.TakeSafety),
    ]
    kept = [safety_cgsnapshot.KeepSafety()]
    return linear_flow.Flow("consistencygroup.revert").add(
        claim.ClaimForRevert(),
        *(before if members else ()),
        restore.Restore(),
        restore.LeaveWayBack(),
        forward_only(
            "consistencygroup.restored",
            *(kept if members else ()),
            restore.FinishRestore(),
            restore.SettleGroup(),
        ),
    )
