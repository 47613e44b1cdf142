"""The members of a consistency group, and whether all of them can be cut."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.repositories import consistencygroup, volume
from cgflow.errors import Busy, InvalidState
from cgflow.status import Status, Trait, statuses_with


def living_members(session: Session, group_id: str) -> list[records.Volume]:
    """Return the members that exist. A member whose creation was rolled back has only a record."""
    return [member for member in volume.members_of(session, group_id) if not _was_rolled_back(member)]


def check_ready(
    session: Session, group: records.ConsistencyGroup, members: list[records.Volume], *, empty: str
) -> None:
    """Check that a group can be cut: it is available and unclaimed, it has members, and all are usable.

    ``empty`` is the error message for a group without members.

    Raises: Busy, InvalidState.
    """
    if group.claimed_by is not None and group.status is Status.AVAILABLE:
        raise Busy(consistencygroup.REPOSITORY.busy_message(session, group.id, group.claimed_by))
    if group.status is not Status.AVAILABLE:
        raise InvalidState(
            "Invalid ConsistencyGroup: Consistency group status must be available, "
            f"but current status is: {group.status}."
        )
    if not members:
        raise InvalidState(empty)
    for member in members:
        if member.claimed_by is not None:
            raise Busy(volume.REPOSITORY.busy_message(session, member.id, member.claimed_by))
        if member.status not in statuses_with("volume", Trait.USABLE):
            raise InvalidState(
                f"Invalid volume: Member {member.id} must be available or in-use, "
                f"but its status is: {member.status}."
            )


def _was_rolled_back(member: records.Volume) -> bool:
    return member.status is Status.ERROR and not member.consumes_quota
