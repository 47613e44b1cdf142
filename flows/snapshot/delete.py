"""Delete a snapshot of one volume, while the volume goes on serving.

Deleting goes forward: what fails is tried again. If the copy can not be
removed after all, it is left in ``error_deleting`` with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, forward_only
from flows.tasks import claim, driver, record


def delete_snapshot(member: Member, is_placed: bool) -> Flow:
    """Build the story. A copy of a volume that never was on a backend has only a record."""
    removal = [driver.DeleteSnapshot(member)] if is_placed else []
    return linear_flow.Flow("snapshot.delete").add(
        claim.ClaimForDelete(),
        forward_only("snapshot.remove", *removal, record.Destroy()),
    )
