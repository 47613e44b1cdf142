"""Create a volume from a snapshot, on the backend of the snapshot.

The flow holds the snapshot, so that it cannot be deleted during the cloning. If a step fails, the
volume is removed from the backend, the quota is released, and the record is left in ``error`` with
the reason and without a backend.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.tasks import claim, clone, placement, quota, record


def create_volume_from_snapshot() -> Flow:
    """Build the flow."""
    return linear_flow.Flow("volume.create_from_snapshot").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleVolume(),
        clone.CloneVolume(),
        record.CommitVolume(),
    )
