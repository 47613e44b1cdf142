"""Delete a cgsnapshot: every member's copy, while the volumes go on serving.

Deleting goes forward: what fails is tried again. If a copy can not be removed
after all, the record is left in ``error_deleting``, the copies that are gone
are forgotten and given back to the quota, and the others remain listed.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member, forward_only
from flows.tasks import claim, driver, record


def delete_cgsnapshot(members: list[Member]) -> Flow:
    """Build the story for members given as pairs of ``volume_id`` and ``snapshot_id``."""
    return linear_flow.Flow("cgsnapshot.delete").add(
        claim.ClaimForDelete(),
        forward_only(
            "cgsnapshot.remove",
            for_each_member(members, driver.DeleteSnapshot),
            record.Destroy(),
        ),
    )
