"""Delete a volume that is in no consistency group, with its snapshots if requested.

Deletion only goes forward: a failed step is retried. If the volume cannot be removed, it is left in
``error_deleting`` with the reason.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from cgflow.engine.task import Task
from flows.segments import Member, for_each_member, forward_only
from flows.tasks import claim, driver, record


def delete_volume(is_placed: bool, copies: list[Member] | None = None) -> Flow:
    """Build the flow for a volume and the snapshots that are deleted with it.

    A volume that was never on a backend has only a record.
    """
    removal: list[Task | Flow] = [driver.DeleteVolume()] if is_placed else []
    if copies:
        removal.insert(0, for_each_member(copies, driver.DeleteVolumeSnapshot))
    return linear_flow.Flow("volume.delete").add(
        claim.ClaimForDelete(),
        forward_only("volume.remove", *removal, record.DeleteRecords()),
    )
