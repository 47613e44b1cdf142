"""Give a volume another type that its backend can serve as well.

Nothing on the backend changes. If a step fails, the volume keeps its old type,
the quota is as before, and the volume is ``available`` again with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.tasks import claim, placement, quota, record


def retype_volume() -> Flow:
    """Build the story."""
    return linear_flow.Flow("volume.retype").add(
        claim.ClaimForChange(),
        quota.ReserveQuota(),
        placement.CheckRetype(),
        record.CommitRetype(),
    )
