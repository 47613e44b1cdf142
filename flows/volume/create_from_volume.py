"""Create a volume from another volume at one instant, on the same backend.

The flow cuts the other volume and removes the cut again; users never see it. If a step fails, the
cut and the new volume are removed from the backend, the quota is released, and the record is left
in ``error`` with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member
from flows.tasks import claim, clone, driver, placement, quota, record


def create_volume_from_volume(copy: Member) -> Flow:
    """Build the flow. ``copy`` has the symbols of the cut that is taken of the other volume."""
    return linear_flow.Flow("volume.create_from_volume").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleVolume(),
        driver.PrepareSnapshot(copy),
        driver.CutMembers(copy),
        driver.VerifySnapshot(copy),
        clone.CloneVolume(),
        driver.DeleteSnapshot(copy),
        record.CommitVolume(),
    )
