"""Delete a volume that is in no consistency group.

Deleting goes forward: what fails is tried again. If the volume can not be
removed after all, it is left in ``error_deleting`` with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import onward
from flows.tasks import claim, driver, record


def delete_volume(is_placed: bool) -> Flow:
    """Build the story. A volume that never was on a backend has only a record."""
    removal = [driver.DeleteVolume()] if is_placed else []
    return linear_flow.Flow("volume.delete").add(
        claim.ClaimForDelete(),
        onward("volume.remove", *removal, record.Destroy()),
    )
