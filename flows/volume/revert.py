"""Restore a volume to one of its snapshots.

The previous data of the volume is kept aside first. If a step fails before the point of no return,
the volume is left unchanged with the reason. After the point of no return, which precedes the
discarding of the previous data, the flow only goes forward.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import forward_only
from flows.tasks import claim, record, restore


def revert_volume() -> Flow:
    """Build the flow."""
    return linear_flow.Flow("volume.revert").add(
        claim.ClaimForChange(),
        restore.Restore(),
        restore.CommitRestore(),
        forward_only("volume.restored", restore.FinishRestore(), record.SettleVolume()),
    )
