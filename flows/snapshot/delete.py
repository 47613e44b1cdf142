"""Delete a snapshot of one volume. The volume continues to serve I/O.

Deletion only goes forward: a failed step is retried. If the snapshot cannot be removed, it is left
in ``error_deleting`` with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, forward_only
from flows.tasks import claim, driver, record


def delete_snapshot(member: Member, is_placed: bool) -> Flow:
    """Build the flow. A snapshot of a volume that was never on a backend has only a record."""
    removal = [driver.DeleteSnapshot(member)] if is_placed else []
    return linear_flow.Flow("snapshot.delete").add(
        claim.ClaimForDelete(),
        forward_only("snapshot.remove", *removal, record.DeleteRecords()),
    )
