"""Change a volume to another type that its backend also supports.

Nothing changes on the backend. If a step fails, the volume keeps its old type, the quota is
unchanged, and the volume is ``available`` again with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.tasks import claim, placement, quota, record


def retype_volume() -> Flow:
    """Build the flow."""
    return linear_flow.Flow("volume.retype").add(
        claim.ClaimForChange(),
        quota.ReserveQuota(),
        placement.CheckRetype(),
        record.CommitRetype(),
    )
