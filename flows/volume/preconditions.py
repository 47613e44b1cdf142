"""What has to hold of a volume before anything is done with it.

One operation at a time on a group and its members: one on a member needs the
group free, and holds only the member.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.repositories import consistencygroup, volume
from cgflow.errors import Busy, InvalidState
from cgflow.status import Status


def require_free_group(session: Session, found: records.Volume) -> None:
    """Keep operations on the volume's group away until the transaction ends. Raises: Busy."""
    if found.consistencygroup_id is None:
        return
    group = consistencygroup.lock(session, found.consistencygroup_id, None)
    if group.claimed_by is not None:
        raise Busy(consistencygroup.REPOSITORY.busy_message(session, group.id, group.claimed_by))


def refuse_member(found: records.Volume, instead: str) -> None:
    """Refuse what would take a member out of step with its group. Raises: InvalidState."""
    if found.consistencygroup_id is not None:
        raise InvalidState(f"Invalid volume: Volume must not be part of a consistency group. {instead}")


def check_free(session: Session, found: records.Volume, resting: tuple[Status, ...], done: str) -> None:
    """Refuse a volume that a flow holds, or that is in none of these statuses. Raises: Busy, InvalidState."""
    if found.claimed_by is not None and found.status in resting:
        raise Busy(volume.REPOSITORY.busy_message(session, found.id, found.claimed_by))
    if found.status not in resting:
        raise InvalidState(
            f"Invalid volume: Volume status must be {' or '.join(resting)} to be {done}, "
            f"but current status is: {found.status}."
        )
