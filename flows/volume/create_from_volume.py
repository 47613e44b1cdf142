"""Create a volume that holds what another one holds at one instant, on the same backend.

The other volume is cut for that, and the cut is removed again: nobody sees it.
If a step fails, the cut and the new volume are removed from the backend, the
quota is given back, and the record is left in ``error`` with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member
from flows.tasks import claim, clone, driver, placement, quota, record


def create_volume_from_volume(copy: Member) -> Flow:
    """Build the story. ``copy`` has the symbols of the cut that is taken of the other volume."""
    return linear_flow.Flow("volume.create_from_volume").add(
        claim.ClaimForCreate(),
        quota.ReserveQuota(),
        placement.ScheduleVolume(),
        driver.PrepareSnapshot(copy),
        driver.CutMembers(copy),
        driver.TakeSnapshot(copy),
        clone.CloneVolume(),
        driver.DeleteSnapshot(copy),
        record.CommitVolume(),
    )
