"""Create a volume that holds what a snapshot holds, on the backend of the snapshot.

The snapshot is held meanwhile, so that it cannot be deleted under the copying.
If a step fails, the volume is removed from the backend, the quota is given
back, and the record is left in ``error`` with the reason, on no backend.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.tasks import claim, clone, placement, quota, record


def create_volume_from_snapshot() -> Flow:
    """Build the story."""
    return linear_flow.Flow("volume.create_from_snapshot").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleVolume(),
        clone.CloneVolume(),
        record.CommitVolume(),
    )
