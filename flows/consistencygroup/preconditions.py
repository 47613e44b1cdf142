"""Preconditions of operations on a consistency group: its members, and whether and how they can be cut."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.context import RequestContext
from cgflow.db.repositories import backend, consistencygroup, volume, volume_type
from cgflow.drivers.contract.cut_evidence import CutLevel, highest_level, level_of_cut, reported_level
from cgflow.errors import Busy, InvalidState, NotFound
from cgflow.scheduler.cut_level import PERMISSION, lowest_allowed_level
from cgflow.status import Status, Trait, is_rolled_back, statuses_with


def existing_members(session: Session, group_id: str) -> list[records.Volume]:
    """Return the members that exist. A member whose creation was rolled back has only a record."""
    return [member for member in volume.members_of(session, group_id) if not _is_member_rolled_back(member)]


def check_can_be_cut(
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


def lock_group(session: Session, group_id: str, context: RequestContext) -> records.ConsistencyGroup:
    """Return the group, locked. Raises: NotFound, with the message that clients expect."""
    try:
        return consistencygroup.lock(session, group_id, context.scope)
    except NotFound:
        raise NotFound(f"Consistency group could not be found: {group_id}.") from None


def required_cut_level(
    session: Session, group: records.ConsistencyGroup, members: int, asked: CutLevel | None = None
) -> CutLevel:
    """Return the level that a cut of a group with this number of members must reach.

    It is the level that the caller demands, but no lower than the group's volume types allow. Every
    backend that can cut reaches the level ``crash`` for a single member.

    Raises: InvalidState, if the group's backend reports that it does not reach the level. A backend
    that is down or unknown is not judged here, but by the steps that use it.
    """
    types = [volume_type.get(session, id_) for id_ in group.volume_type_ids]
    allowed = lowest_allowed_level(found.extra_specs for found in types)
    wanted = allowed if asked is None else highest_level(allowed, asked)
    found = _find_backend_of_group(session, group)
    if found is None:
        return wanted
    level = reported_level(found.report)
    if level is None and not found.is_up:
        return wanted
    if level is None or not level_of_cut(level, members).is_at_least(wanted):
        cuts = "cannot cut the volumes of a group" if level is None else f"cuts at level {level}"
        why = "demanded" if asked is wanted else "required"
        hint = (
            f" An administrator can allow a lower level with {PERMISSION} of the group's volume types."
            if allowed is wanted and level is not None
            else ""
        )
        raise InvalidState(
            f"Invalid ConsistencyGroup: Backend {found.name} of consistency group {group.id} {cuts}, "
            f"but level {wanted} is {why}.{hint}"
        )
    return wanted


def _find_backend_of_group(session: Session, group: records.ConsistencyGroup) -> records.Backend | None:
    try:
        return backend.get(session, group.host or "")
    except NotFound:
        return None


def _is_member_rolled_back(member: records.Volume) -> bool:
    return member.status is Status.ERROR and is_rolled_back("volume", consumes_quota=member.consumes_quota)
