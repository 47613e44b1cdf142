"""The precondition of the snapshot or cgsnapshot to which a volume or a group is restored."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.errors import Busy, InvalidState
from cgflow.status import Status


def check_revert_target(
    session: Session,
    resource_type: str,
    target: records.Snapshot | records.Cgsnapshot,
    *,
    restored: str,
) -> None:
    """Require that a snapshot or cgsnapshot is available and that no flow holds it.

    ``resource_type`` is that of the target; ``restored`` is what is restored to it, for the message.
    Raises: Busy, InvalidState.
    """
    if target.claimed_by is not None:
        raise Busy(REPOSITORIES[resource_type].busy_message(session, target.id, target.claimed_by))
    if target.status is not Status.AVAILABLE:
        raise InvalidState(
            f"Invalid {resource_type}: {resource_type.capitalize()} {target.id} must be available to restore "
            f"the {restored} to it, but its status is: {target.status}."
        )
