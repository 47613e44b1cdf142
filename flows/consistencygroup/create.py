"""Create a consistency group on a backend that fits every one of its volume types.

If a step fails, the place on the backend is removed, the quota is given back,
and the record is left in ``error`` with the reason, on no backend.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.tasks import claim, driver, placement, quota, record


def create_consistencygroup() -> Flow:
    """Build the story."""
    return linear_flow.Flow("consistencygroup.create").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleGroup(),
        driver.CreateGroup(),
        record.CommitGroup(),
    )
