"""Create a consistency group on a backend that fits every one of its volume types.

If a step fails, the group is removed from the backend, the quota is released, and the record is
left in ``error`` with the reason and without a backend.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.tasks import claim, driver, placement, quota, record


def create_consistencygroup() -> Flow:
    """Build the flow."""
    return linear_flow.Flow("consistencygroup.create").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleGroup(),
        driver.CreateGroup(),
        record.CommitGroup(),
    )
