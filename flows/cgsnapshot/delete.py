"""Delete a cgsnapshot with its members' snapshots. The volumes continue to serve I/O.

Deletion only goes forward: a failed step is retried. If a snapshot cannot be removed, the
cgsnapshot is left in ``error_deleting``. The records of removed snapshots are deleted and their
quota is released; the others remain listed.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member, forward_only
from flows.tasks import claim, driver, record


def delete_cgsnapshot(members: list[Member]) -> Flow:
    """Build the flow for members given as pairs of ``volume_id`` and ``snapshot_id``."""
    return linear_flow.Flow("cgsnapshot.delete").add(
        claim.ClaimForDelete(),
        forward_only(
            "cgsnapshot.remove",
            for_each_member(members, driver.DeleteSnapshot),
            record.DeleteRecords(),
        ),
    )
