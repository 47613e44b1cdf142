"""The flows of operations on consistency groups, step by step.

A create that fails removes the volumes and the group from the backend, releases all of the quota,
and leaves the group's record in ``error`` with the reason and without a backend.

Two operations cut a group that is not the resource of their flow's record: creating a group from
another group, and the safety cgsnapshot of a revert. There, ``source_group_id`` is the group that
is cut, and ``cut_id`` the cgsnapshot, which is a temporary one in the first case.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.subflows import Member, for_each_member, forward_only
from flows.tasks import claim, driver, membership, placement, record, restore, safety_cgsnapshot

SOURCE_SYMBOLS = {"group_id": "source_group_id", "resource_id": "cut_id"}
"""Maps arguments of the cgsnapshot steps to their symbols in a flow that cuts another group."""


def create() -> Flow:
    """Create a consistency group on a backend that fits every one of its volume types."""
    return linear_flow.Flow("consistencygroup.create").add(
        claim.ClaimForCreate(),
        claim.ReserveQuota(),
        placement.ScheduleGroup(),
        driver.CreateGroup(),
        record.CommitGroup(),
    )


def create_from_cgsnapshot(members: list[Member]) -> Flow:
    """Create a consistency group with volumes cloned from a cgsnapshot, on the same backend.

    Members have ``volume_id``, ``snapshot_id`` and ``new_id``. The cgsnapshot is only read: several
    groups can be created from it concurrently, and it cannot be deleted meanwhile.
    """
    return linear_flow.Flow("consistencygroup.create_from_cgsnapshot").add(
        claim.ClaimForCreate(),
        claim.ReserveQuota(),
        placement.CheckGroupClone(),
        record.CreateVolumes(),
        driver.CreateGroup(),
        for_each_member(members, driver.CloneMember),
        record.CommitGroupClone(),
    )


def create_from_group(members: list[Member]) -> Flow:
    """Create a consistency group with volumes cloned from another group at one instant, on the same backend.

    Members have ``volume_id``, ``snapshot_id`` and ``new_id``. The flow cuts the members of the
    source group, and removes the snapshots again on success and on failure. It holds the source
    group meanwhile.
    """
    return linear_flow.Flow("consistencygroup.create_from_group").add(
        claim.ClaimForCreate(),
        claim.ReserveQuota(),
        placement.CheckGroupClone(),
        record.CreateVolumes(),
        driver.CreateGroup(),
        for_each_member(members, driver.PrepareSnapshot, reads=SOURCE_SYMBOLS),
        driver.CutGroup(reads=SOURCE_SYMBOLS, provides=()),
        for_each_member(members, driver.CloneMember),
        for_each_member(members, driver.DeleteSnapshot, reads=SOURCE_SYMBOLS),
        record.CommitGroupClone(),
    )


def update(members: list[Member]) -> Flow:
    """Move volumes into and out of a consistency group.

    Members are the volumes that are on a backend, with ``volume_id``. The backend moves each volume
    with its data and its snapshots. The commit records the new membership of all of them at once.
    If a step fails, the volumes are moved back, and the group is ``available`` and unchanged, with
    the reason. Quota usage does not change.
    """
    return linear_flow.Flow("consistencygroup.update").add(
        claim.ClaimForChange(),
        for_each_member(members, membership.MoveVolume),
        membership.CommitMembership(),
    )


def revert(members: list[Member]) -> Flow:
    """Restore a consistency group to one of its cgsnapshots: every member, or none of them.

    A safety cgsnapshot of ``members``, given by ``volume_id`` and ``snapshot_id``, is taken first;
    none without members. The previous data of the group is kept aside. If a step fails before the
    point of no return, the group's volumes are left unchanged, the safety cgsnapshot is removed,
    and the group is ``available`` with the reason. After the point of no return, which precedes the
    discarding of the previous data, the flow only goes forward, and the safety cgsnapshot is kept
    in any case.
    """
    before = [
        claim.ReserveQuota(),
        placement.CheckCgsnapshot(reads={"resource_id": SOURCE_SYMBOLS["resource_id"]}),
        safety_cgsnapshot.CreateSafetyRecords(),
        for_each_member(members, safety_cgsnapshot.PrepareSafetySnapshot, reads=SOURCE_SYMBOLS),
        safety_cgsnapshot.CutSafetyCgsnapshot(reads=SOURCE_SYMBOLS),
        for_each_member(members, safety_cgsnapshot.VerifySafetySnapshot, reads=SOURCE_SYMBOLS),
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
            restore.ReleaseRestoredGroup(),
        ),
    )


def delete(members: list[Member], is_placed: bool) -> Flow:
    """Delete a consistency group with all its members, given by ``volume_id``.

    A group that was never on a backend has only a record. Deletion only goes forward: a failed step
    is retried. If something cannot be removed, the group is left in ``error_deleting``. The records
    of removed members are deleted and their quota is released; the other members remain.
    """
    removal = [driver.DeleteOrphans(), for_each_member(members, driver.DeleteMember), driver.DeleteGroup()]
    return linear_flow.Flow("consistencygroup.delete").add(
        claim.ClaimForDelete(),
        forward_only("consistencygroup.remove", *(removal if is_placed else ()), record.DeleteRecords()),
    )
