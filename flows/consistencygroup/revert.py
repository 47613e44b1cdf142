"""Restore a consistency group to one of its cgsnapshots: every member, or none of them.

If requested, a safety cgsnapshot is taken first. The previous data of the members is kept aside. If
a step fails before the point of no return, the members are left unchanged, the safety cgsnapshot is
removed, and the group is ``available`` with the reason. After the point of no return, which
precedes the discarding of the previous data, the flow only goes forward, and the safety cgsnapshot
is kept in any case.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member, forward_only
from flows.tasks import claim, quota, restore, safety_cgsnapshot


def revert_consistencygroup(members: list[Member]) -> Flow:
    """Build the flow for the members of the safety cgsnapshot; without members, none is taken."""
    before = [
        quota.ReserveQuota(),
        safety_cgsnapshot.ScheduleSafetyCgsnapshot(),
        safety_cgsnapshot.CreateSafetyRecords(),
        for_each_member(members, safety_cgsnapshot.PrepareSafetySnapshot),
        safety_cgsnapshot.CutSafetyCgsnapshot(),
        for_each_member(members, safety_cgsnapshot.VerifySafetySnapshot),
    ]
    kept = [safety_cgsnapshot.KeepSafetyCgsnapshot()]
    return linear_flow.Flow("consistencygroup.revert").add(
        claim.ClaimForRevert(),
        *(before if members else ()),
        restore.Restore(),
        restore.CommitRestore(),
        forward_only(
            "consistencygroup.restored",
            *(kept if members else ()),
            restore.FinishRestore(),
            restore.SettleGroup(),
        ),
    )
