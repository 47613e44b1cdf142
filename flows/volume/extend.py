"""Make a volume larger.

If a step fails, the volume gets its old size back, the quota is given back,
and the volume is ``available`` again, with the reason why it did not grow.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.tasks import claim, driver, placement, quota, record


def extend_volume() -> Flow:
    """Build the story."""
    return linear_flow.Flow("volume.extend").add(
        claim.ClaimForChange(),
        quota.ReserveQuota(),
        placement.CheckExtend(),
        driver.ExtendVolume(),
        record.CommitExtend(),
    )
