"""Preconditions of operations on a volume: its status, its group, and the size limits of its type.

A group and its members allow one operation at a time. An operation on a member therefore requires
that the group is unclaimed; it claims only the member.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.repositories import consistencygroup, volume
from cgflow.errors import Busy, InvalidInput, InvalidState
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


MIN_SIZE = "provisioning:min_vol_size"
MAX_SIZE = "provisioning:max_vol_size"


def check_size_limits(volume_type: records.VolumeType | None, size: int, field: str) -> None:
    """Check a size in GiB against the limits of a volume type. Raises: InvalidInput, naming the field."""
    if volume_type is None:
        return
    smallest, largest = (_size_limit_of_type(volume_type, key) for key in (MIN_SIZE, MAX_SIZE))
    if smallest is not None and size < smallest:
        raise InvalidInput(
            f"Invalid input received: Specified volume size of '{size}' is less than the minimum required "
            f"size of '{smallest}' for volume type '{volume_type.name}'.",
            field,
        )
    if largest is not None and size > largest:
        raise InvalidInput(
            f"Invalid input received: Specified volume size of '{size}' is greater than the maximum "
            f"allowable size of '{largest}' for volume type '{volume_type.name}'.",
            field,
        )


def _size_limit_of_type(volume_type: records.VolumeType, key: str) -> int | None:
    text = volume_type.extra_specs.get(key)
    if not text:
        return None
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise InvalidInput(
            f"Volume type {volume_type.name} has the extra spec {key}={text!r}, which is not a size in GiB. "
            "Ask an administrator to correct it.",
            "volume_type",
        )
    return int(text)
