"""Preconditions of operations on a volume.

A group and its members allow one operation at a time. An operation on a member therefore requires
that the group is unclaimed; it claims only the member.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.repositories import consistencygroup, volume
from cgflow.errors import Busy, InvalidState
from cgflow.status import Status


def require_unclaimed_group(session: Session, found: records.Volume) -> None:
    """Lock the volume's group until the transaction ends, and require it to be unclaimed. Raises: Busy."""
    if found.consistencygroup_id is None:
        return
    group = consistencygroup.lock(session, found.consistencygroup_id, None)
    if group.claimed_by is not None:
        raise Busy(consistencygroup.REPOSITORY.busy_message(session, group.id, group.claimed_by))


def refuse_member(found: records.Volume, instead: str) -> None:
    """Raise InvalidState if the volume is a member of a group.

    For operations that would make a member inconsistent with its group.
    """
    if found.consistencygroup_id is not None:
        raise InvalidState(f"Invalid volume: Volume must not be part of a consistency group. {instead}")


def check_status(session: Session, found: records.Volume, resting: tuple[Status, ...], done: str) -> None:
    """Raise Busy if a flow holds the volume, InvalidState if the volume has none of these statuses."""
    if found.claimed_by is not None and found.status in resting:
        raise Busy(volume.REPOSITORY.busy_message(session, found.id, found.claimed_by))
    if found.status not in resting:
        raise InvalidState(
            f"Invalid volume: Volume status must be {' or '.join(resting)} to be {done}, "
            f"but current status is: {found.status}."
        )
