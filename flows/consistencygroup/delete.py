"""Delete a consistency group with all its members.

Deletion only goes forward: a failed step is retried. If something cannot be removed, the group is
left in ``error_deleting``. The records of removed members are deleted and their quota is released;
the other members remain.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from flows.segments import Member, for_each_member, forward_only
from flows.tasks import claim, driver, record


def delete_consistencygroup(members: list[Member], is_placed: bool) -> Flow:
    """Build the flow for members given by ``volume_id``.

    A group that was never on a backend has only a record.
    """
    removal = [driver.DeleteOrphans(), for_each_member(members, driver.DeleteMember), driver.DeleteGroup()]
    return linear_flow.Flow("consistencygroup.delete").add(
        claim.ClaimForDelete(),
        forward_only("consistencygroup.remove", *(removal if is_placed else ()), record.DeleteRecords()),
    )
