"""Create a volume, alone or in a consistency group, on a backend that fits its type.

If a step fails, the volume is removed from the backend, the quota is released, and the record is
left in ``error`` with the reason and without a backend.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.tasks import claim, driver, placement, quota, record


def create_volume() -> Flow:
    """Build the flow."""
    return linear_flow.Flow("volume.create").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleVolume(),
        driver.CreateVolume(),
        record.CommitVolume(),
    )
