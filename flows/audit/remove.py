"""Take from the backend what no record knows: an object, an address, or what a restore kept aside.

Whether it is still so is looked at again first, with the records around it
held. What is taken away does not come back, so this goes forward: what fails is
tried again. If it cannot be done after all, what was held is let go as it was.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from cgflow.engine.task import Task
from flows.segments import Member, forward_only
from flows.tasks import audit, driver

VOLUME, SNAPSHOT, GROUP, EXPORT, RESTORE = "volume", "snapshot", "group", "export", "restore"


def remove(what: str, copy: Member | None = None) -> Flow:
    """Build the story for one kind of thing; a copy is given by its ``volume_id`` and ``snapshot_id``."""
    return linear_flow.Flow("audit.remove").add(
        audit.ClaimForRepair(),
        audit.Confirm(),
        forward_only("audit.removed", _step(what, copy), audit.Release()),
    )


def _step(what: str, copy: Member | None) -> Task:
    match what:
        case "volume":
            return driver.DeleteVolume()
        case "snapshot":
            return driver.DeleteSnapshot(copy)
        case "group":
            return driver.DeleteGroup()
        case "export":
            return audit.Unexport(copy)
        case _:
            return audit.EndRestore()
