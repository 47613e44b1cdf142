"""Take volumes into a consistency group and out of it.

Each volume is moved by the backend, with what it holds and with its copies.
Membership is written in the commit, for all of them at once. If a step fails
the volumes are moved back, and the group is ``available`` as it was, with the
reason why it was not changed. What the volumes count does not change.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member
from flows.tasks import claim, membership


def update_consistencygroup(members: list[Member]) -> Flow:
    """Build the story for the volumes that are on a backend, given by ``volume_id``."""
    return linear_flow.Flow("consistencygroup.update").add(
        claim.ClaimForChange(),
        for_each_member(members, membership.MoveVolume),
        membership.CommitMembership(),
    )
