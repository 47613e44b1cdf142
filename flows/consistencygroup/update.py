"""Move volumes into and out of a consistency group.

The backend moves each volume with its data and its snapshots. The commit records the new membership
of all of them at once. If a step fails, the volumes are moved back, and the group is ``available``
and unchanged, with the reason. Quota usage does not change.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member
from flows.tasks import claim, membership


def update_consistencygroup(members: list[Member]) -> Flow:
    """Build the flow for the volumes that are on a backend, given by ``volume_id``."""
    return linear_flow.Flow("consistencygroup.update").add(
        claim.ClaimForChange(),
        for_each_member(members, membership.MoveVolume),
        membership.CommitMembership(),
    )
