"""Status reset of a resource by an administrator. Only the record changes.

Every status that Cinder has for the resource is accepted, with three exceptions. A resource that a
flow holds is refused; flow actions exist for that. A resource that was rolled back exists on no
backend, so it is not reset to a usable status. A volume's status may not contradict its
attachments.

The administrator is recorded in the ``reason`` of the resource. The audit finds a resource whose
status then shows an operation although no flow holds it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from cgflow.context import RequestContext
from cgflow.db.repositories import attachment as attachments
from cgflow.db.repositories.registry import REPOSITORIES
from cgflow.errors import Busy, InvalidInput, InvalidState
from cgflow.status import (
    AttachmentStatus,
    Status,
    Trait,
    is_rolled_back,
    status_from_attachments,
    statuses_with,
)
from flows.runtime import Runtime

DETACHED, ATTACHED = "detached", "attached"

_NEXT_STATUSES: dict[Status, tuple[Status, ...]] = {
    Status.CREATING: (Status.CREATING, Status.AVAILABLE, Status.ERROR),
    Status.DELETING: (Status.DELETING, Status.ERROR_DELETING),
}
"""The statuses that may follow those that a snapshot was reset to."""


def reset_status(runtime: Runtime, context: RequestContext, noun: str, id_: str, *, status: str) -> None:
    """Reset the status of a snapshot, a consistency group or a cgsnapshot.

    Raises: NotFound; InvalidInput; Busy, naming the flow; InvalidState.
    """
    target = _parse_status(noun, status)
    with runtime.database.write() as session:
        found = _lock_unclaimed(session, context, noun, id_)
        _check_not_rolled_back(noun, found, target)
        _set_status(session, context, noun, found, target)


def reset_volume_status(
    runtime: Runtime,
    context: RequestContext,
    volume_id: str,
    *,
    status: str | None,
    attach_status: str | None = None,
) -> None:
    """Reset the status of a volume; ``attach_status`` ``detached`` ends its attachments.

    Without a status, the volume gets the status that follows from its attachments.

    Raises: NotFound; InvalidInput; Busy, naming the flow; InvalidState.
    """
    if attach_status not in (None, DETACHED, ATTACHED):
        raise InvalidInput(
            f"Invalid attach_status '{attach_status}'. Valid values: {DETACHED}, {ATTACHED}.", "attach_status"
        )
    wanted = None if status is None else _parse_status("volume", status)
    with runtime.database.write() as session:
        volume = _lock_unclaimed(session, context, "volume", volume_id)
        remaining = () if attach_status == DETACHED else volume.attachments
        is_attached = any(one.status is AttachmentStatus.ATTACHED for one in remaining)
        if attach_status == ATTACHED and not is_attached:
            raise InvalidState(f"Invalid volume: Volume {volume.id} has no attachment that is attached.")
        target = wanted or status_from_attachments(remaining)
        _check_not_rolled_back("volume", volume, target)
        if target is Status.AVAILABLE and remaining:
            raise InvalidState(
                f"Invalid volume: Volume {volume.id} has attachments, so it cannot be available. "
                "Detach it, or reset its attach_status to detached as well."
            )
        if target is Status.IN_USE and not is_attached:
            raise InvalidState(f"Invalid volume: Volume {volume.id} is not attached, so it cannot be in-use.")
        if not remaining:
            attachments.delete(session, *(one.id for one in volume.attachments))
        _set_status(session, context, "volume", volume, target)


def update_snapshot_status(
    runtime: Runtime, context: RequestContext, snapshot_id: str, *, status: str, progress: str | None
) -> None:
    """Set the status and progress of a snapshot whose status was reset to ``creating`` or ``deleting``.

    Raises: NotFound; InvalidInput, if the status may not follow the current one; Busy, naming the
    flow; InvalidState.
    """
    with runtime.database.write() as session:
        snapshot = _lock_unclaimed(session, context, "snapshot", snapshot_id)
        following = _NEXT_STATUSES.get(snapshot.status, ())
        if status not in following:
            raise InvalidInput(
                f"Provided snapshot status {status} not allowed for snapshot with status {snapshot.status}"
                f"{', only ' + ' and '.join(following) if following else ''}.",
                "status",
            )
        target = Status(status)
        _check_not_rolled_back("snapshot", snapshot, target)
        _set_status(
            session, context, "snapshot", snapshot, target, **({"progress": progress} if progress else {})
        )


def _parse_status(noun: str, status: str) -> Status:
    """Return a status to which a resource can be reset, ignoring case. Raises: InvalidInput."""
    lowered, resettable = status.lower(), statuses_with(noun, Trait.RESETTABLE)
    if lowered not in resettable:
        raise InvalidInput(f"Invalid status '{status}'. Valid values: {', '.join(resettable)}.", "status")
    return Status(lowered)


def _lock_unclaimed(session: Session, context: RequestContext, noun: str, id_: str) -> Any:
    """Return a resource, locked, that no flow holds. Raises: NotFound, Busy."""
    repository = REPOSITORIES[noun]
    found = repository.lock(session, id_, context.scope)
    if found.claimed_by is not None:
        busy = repository.busy_message(session, found.id, found.claimed_by)
        raise Busy(f"{busy} Cancel, retry or abandon the flow if it is stuck.")
    return found


def _check_not_rolled_back(noun: str, found: Any, target: Status) -> None:
    """Raise InvalidState if the status is a usable one and the resource was rolled back."""
    is_usable = target in statuses_with(noun, Trait.USABLE)
    if is_usable and is_rolled_back(noun, consumes_quota=found.consumes_quota):
        raise InvalidState(
            f"Invalid status: {REPOSITORIES[noun].noun} {found.id} was rolled back. It exists on no backend "
            f"and consumes no quota, so it cannot be {target}. Delete it."
        )


def _set_status(
    session: Session, context: RequestContext, noun: str, found: Any, target: Status, **columns: object
) -> None:
    """Set the status, and record in the reason who did it."""
    reason = f"Status reset from {found.status} to {target} by {context.user_id} ({context.request_id})."
    REPOSITORIES[noun].update_unclaimed(session, found.id, status=target.value, reason=reason, **columns)
