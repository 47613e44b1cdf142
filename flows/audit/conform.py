"""Change the backend to match the record: a group's existence, a volume's size, or a volume's group.

The finding is verified again first, while the flow holds the record. If a step fails, the backend
is left as it was found.
"""

from __future__ import annotations

from taskflow.flow import Flow
from taskflow.patterns import linear_flow

from cgflow.engine.task import Task
from flows.segments import Member
from flows.tasks import audit, driver, membership

PLACE, SIZE, MEMBER = "place", "size", "member"


def conform(what: str, member: Member | None = None) -> Flow:
    """Build the flow for one kind of object; a member is given by its ``volume_id``."""
    return linear_flow.Flow("audit.conform").add(
        audit.ClaimForRepair(), audit.VerifyFinding(), _step(what, member), audit.CommitRepair()
    )


def _step(what: str, member: Member | None) -> Task:
    match what:
        case "place":
            return driver.CreateGroup()
        case "size":
            return driver.ExtendVolume()
        case _:
            return membership.MoveVolume(member)
