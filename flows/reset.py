"""Status reset of a volume or a snapshot by an administrator.

Every status that Cinder has for the resource is accepted, unless it contradicts the attachments of
the record. A resource that a flow holds is rejected; flow actions exist for that. The administrator
is recorded in the ``reason`` of the resource. The audit finds a resource whose status then shows an
operation although no flow holds it.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.context import RequestContext
from cgflow.db.repositories import attachment as attachments
from cgflow.db.repositories import snapshot as snapshots
from cgflow.db.repositories import volume as volumes
from cgflow.errors import Busy, InvalidInput, InvalidState
from cgflow.status import RESETTABLE, AttachmentStatus, Status
from flows.attachment import preconditions
from flows.runtime import Runtime

DETACHED, ATTACHED = "detached", "attached"


def volume(
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
        raise InvalidInput(f"Invalid attach_status '{attach_status}': detached or attached.", "attach_status")
    wanted = None if status is None else known_status("volume", status)
    with runtime.database.write() as session:
        found = preconditions.lock_unclaimed(session, context, volume_id)
        left = () if attach_status == DETACHED else found.attachments
        is_attached = any(one.status is AttachmentStatus.ATTACHED for one in left)
        if attach_status == ATTACHED and not is_attached:
            raise InvalidState(f"Invalid volume: Volume {found.id} has no attachment that is attached.")
        target = wanted or preconditions.status_for(left)
        _check_made(found, target)
        if target is Status.AVAILABLE and left:
            raise InvalidState(
                f"Invalid volume: Volume {found.id} has attachments, so it cannot be available. "
                "Detach it, or reset its attach_status to detached as well."
            )
        if target is Status.IN_USE and not is_attached:
            raise InvalidState(f"Invalid volume: Volume {found.id} is not attached, so it cannot be in-use.")
        if not left:
            attachments.end(session, *(one.id for one in found.attachments))
        volumes.REPOSITORY.update_unclaimed(
            session, found.id, status=target.value, reason=_who(context, found, target)
        )


def snapshot(runtime: Runtime, context: RequestContext, snapshot_id: str, *, status: str) -> None:
    """Reset the status of a snapshot. Raises: NotFound; InvalidInput; Busy, naming the flow; InvalidState."""
    target = known_status("snapshot", status)
    with runtime.database.write() as session:
        found = _free_snapshot(session, context, snapshot_id)
        _check_made(found, target)
        snapshots.REPOSITORY.update_unclaimed(
            session, found.id, status=target.value, reason=_who(context, found, target)
        )


def update_snapshot(
    runtime: Runtime, context: RequestContext, snapshot_id: str, *, status: str, progress: str | None
) -> None:
    """Set the status and progress of a snapshot whose status was reset to ``creating`` or ``deleting``.

    Raises: NotFound; InvalidInput, if the status may not follow the current one; Busy, naming the
    flow; InvalidState.
    """
    with runtime.database.write() as session:
        found = _free_snapshot(session, context, snapshot_id)
        following = _FOLLOWING.get(found.status, ())
        if status not in following:
            raise InvalidInput(
                f"Provided snapshot status {status} not allowed for snapshot with status {found.status}"
                f"{', only ' + ' and '.join(following) if following else ''}.",
                "status",
            )
        target = Status(status)
        _check_made(found, target)
        changes = {"status": target.value, "reason": _who(context, found, target)}
        snapshots.REPOSITORY.update_unclaimed(
            session, found.id, **changes, **({"progress": progress} if progress else {})
        )


_FOLLOWING: dict[Status, tuple[Status, ...]] = {
    Status.CREATING: (Status.CREATING, Status.AVAILABLE, Status.ERROR),
    Status.DELETING: (Status.DELETING, Status.ERROR_DELETING),
}


def _free_snapshot(session: Session, context: RequestContext, snapshot_id: str) -> records.Snapshot:
    """Return a snapshot, locked, that no flow holds. Raises: NotFound, Busy."""
    found = snapshots.lock(session, snapshot_id, context.scope)
    if found.claimed_by is not None:
        raise Busy(snapshots.REPOSITORY.busy_message(session, found.id, found.claimed_by))
    return found


def known_status(noun: str, status: str) -> Status:
    """Return a status to which a resource can be reset, ignoring case. Raises: InvalidInput."""
    word = status.lower()
    if word not in RESETTABLE[noun]:
        raise InvalidInput(
            f"Invalid status '{status}': it can be reset to {', '.join(RESETTABLE[noun])}.", "status"
        )
    return Status(word)


def _check_made(found: records.Resource, target: Status) -> None:
    """Reject a usable status for a resource that was rolled back and so does not exist on any backend.

    Raises: InvalidState.
    """
    if target in (Status.AVAILABLE, Status.IN_USE) and not found.consumes_quota:
        raise InvalidState(
            f"{found.id} was never made, or was undone: there is nothing on a backend and nothing in the "
            f"quota, so it cannot be {target}. Delete it."
        )


def _who(context: RequestContext, found: records.Resource, target: Status) -> str:
    return f"Status reset from {found.status} to {target} by {context.user_id} ({context.request_id})."
