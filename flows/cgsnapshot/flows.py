"""The flows of operations on cgsnapshots, step by step.

``members`` are pairs of ``volume_id`` and ``snapshot_id``.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.subflows import Member, for_each_member, forward_only
from flows.tasks import claim, driver, placement, record


def create(members: list[Member]) -> Flow:
    """Take a cgsnapshot: one point in time across every member of a consistency group.

    If a step fails, the steps before it are undone in reverse order: the snapshots and everything
    prepared for them are removed, the members' rows are deleted, the quota is released, and last
    the record is left in ``error`` with the reason.
    """
    return linear_flow.Flow("cgsnapshot.create").add(
        claim.ClaimForCreate(),
        claim.ReserveQuota(),
        placement.CheckCgsnapshot(),
        record.CreateSnapshots(),
        for_each_member(members, driver.PrepareSnapshot),
        driver.CutGroup(),
        for_each_member(members, driver.VerifySnapshot),
        record.CommitCgsnapshot(),
    )


def delete(members: list[Member]) -> Flow:
    """Delete a cgsnapshot with its members' snapshots. The volumes continue to serve I/O.

    Deletion only goes forward: a failed step is retried. If a snapshot cannot be removed, the
    cgsnapshot is left in ``error_deleting``. The records of removed snapshots are deleted and their
    quota is released; the others remain listed.
    """
    return linear_flow.Flow("cgsnapshot.delete").add(
        claim.ClaimForDelete(),
        forward_only(
            "cgsnapshot.remove",
            for_each_member(members, driver.DeleteSnapshot),
            record.DeleteRecords(),
        ),
    )
