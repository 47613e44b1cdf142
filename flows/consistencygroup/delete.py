"""Delete a consistency group with all its members.

Deleting goes forward: what fails is tried again. If something can not be
removed after all, the group is left in ``error_deleting``, the members that
are gone are forgotten and given back to the quota, and the others remain.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, each, onward
from flows.tasks import claim, driver, record


def delete_consistencygroup(members: list[Member], is_placed: bool) -> Flow:
    """Build the story for members given by ``volume_id``.

    A group that never was on a backend has only a record.
    """
    removal = [driver.DeleteOrphans(), each(members, driver.DeleteMember), driver.DeleteGroup()]
    return linear_flow.Flow("consistencygroup.delete").add(
        claim.ClaimForDelete(),
        onward("consistencygroup.remove", *(removal if is_placed else ()), record.Destroy()),
    )
