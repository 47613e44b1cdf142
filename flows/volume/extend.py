"""Extend a volume.

If a step fails, the old size is restored, the quota is released, and the volume returns to its
resting status with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.tasks import claim, driver, placement, quota, record


def extend_volume() -> Flow:
    """Build the flow."""
    return linear_flow.Flow("volume.extend").add(
        claim.ClaimForChange(),
        quota.ReserveQuota(),
        placement.CheckExtend(),
        driver.ExtendVolume(),
        record.CommitExtend(),
    )
