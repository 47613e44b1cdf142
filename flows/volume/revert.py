"""Put a volume back to one of its snapshots.

What the volume held is kept aside first, so a failure until then leaves the
volume as it was, with the reason why it was not put back. From the point of no
return, before what it held is forgotten, the operation goes forward.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import forward_only
from flows.tasks import claim, record, restore


def revert_volume() -> Flow:
    """Build the story."""
    return linear_flow.Flow("volume.revert").add(
        claim.ClaimForChange(),
        restore.Restore(),
        restore.LeaveWayBack(),
        forward_only("volume.restored", restore.FinishRestore(), record.SettleVolume()),
    )
