"""Attachments by actions on the volume: Cinder's older interface, which tracks them in the volume's status.

    available --reserve--> attaching --attach--> in-use --begin_detaching--> detaching --detach--> available
        ^                      |                   ^                            |
        +------unreserve-------+                   +-------roll_detaching-------+

``attach`` is also accepted without ``reserve``, and ``detach`` without ``begin_detaching``.
"""

from __future__ import annotations

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.repositories import attachment as attachments
from cgflow.db.repositories import volume as volumes
from cgflow.errors import Conflict, InvalidInput, InvalidState
from cgflow.status import AttachmentStatus, Status, status_from_attachments
from flows.acceptance import new_id
from flows.attachment import preconditions
from flows.runtime import Runtime


def reserve(runtime: Runtime, context: RequestContext, volume_id: str) -> None:
    """Reserve a volume for an attachment. Raises: NotFound, Busy, InvalidState."""
    with runtime.database.write() as session:
        volume = preconditions.lock_unclaimed_volume(session, context, volume_id)
        preconditions.check_attachable(volume, None)
        volumes.REPOSITORY.update_unclaimed(session, volume.id, status=Status.ATTACHING.value)


def unreserve(runtime: Runtime, context: RequestContext, volume_id: str) -> None:
    """Cancel a reservation; do nothing if there is none. Raises: NotFound, Busy."""
    with runtime.database.write() as session:
        volume = preconditions.lock_unclaimed_volume(session, context, volume_id)
        if volume.status is Status.ATTACHING:
            status = status_from_attachments(volume.attachments)
            volumes.REPOSITORY.update_unclaimed(session, volume.id, status=status.value)


def attach(
    runtime: Runtime,
    context: RequestContext,
    volume_id: str,
    *,
    instance_id: str | None,
    host_name: str | None,
    mountpoint: str | None,
    mode: str,
) -> None:
    """Record that a server or a host uses a volume. Raises: NotFound, Busy, InvalidInput, InvalidState.

    A repeated attachment of the same server or host changes nothing.
    """
    if not (instance_id or host_name):
        raise InvalidInput(
            "Invalid request to attach volume to an invalid target: name an instance_uuid or a host_name.",
            "instance_uuid",
        )
    with runtime.database.write() as session:
        volume = preconditions.lock_unclaimed_volume(session, context, volume_id)
        preconditions.check_attach_mode(volume, mode)
        if volume.status is Status.IN_USE and _is_attached_to(volume, instance_id, host_name):
            return
        if volume.status is not Status.ATTACHING or volume.attachments:
            preconditions.check_attachable(volume, instance_id)
        attachments.add(
            session,
            id=new_id(),
            volume_id=volume.id,
            project_id=volume.project_id,
            status=AttachmentStatus.ATTACHED.value,
            instance_id=instance_id,
            host_name=host_name,
            mountpoint=mountpoint,
            mode=mode,
            attached_at=clock.now(),
        )
        volumes.REPOSITORY.update_unclaimed(session, volume.id, status=Status.IN_USE.value)


def begin_detaching(runtime: Runtime, context: RequestContext, volume_id: str) -> None:
    """Announce that a volume is going to be detached. Raises: NotFound, Busy, InvalidState."""
    with runtime.database.write() as session:
        volume = preconditions.lock_unclaimed_volume(session, context, volume_id)
        if volume.status is not Status.IN_USE:
            raise InvalidState(
                "Invalid volume: Unable to detach volume. Volume status must be 'in-use' and "
                f"attach_status must be 'attached' to detach, but the status is {volume.status}."
            )
        volumes.REPOSITORY.update_unclaimed(session, volume.id, status=Status.DETACHING.value)


def roll_detaching(runtime: Runtime, context: RequestContext, volume_id: str) -> None:
    """Cancel the announcement; do nothing if there is none. Raises: NotFound, Busy."""
    with runtime.database.write() as session:
        volume = preconditions.lock_unclaimed_volume(session, context, volume_id)
        if volume.status is Status.DETACHING:
            volumes.REPOSITORY.update_unclaimed(session, volume.id, status=Status.IN_USE.value)


def detach(
    runtime: Runtime,
    context: RequestContext,
    volume_id: str,
    *,
    attachment_id: str | None,
    force: bool = False,
) -> None:
    """Record that a volume is no longer used. Raises: NotFound, Busy, Conflict, InvalidState.

    ``force`` accepts any status, but not a volume that a flow holds. Detaching a volume without
    attachments succeeds, as in Cinder.
    """
    with runtime.database.write() as session:
        volume = preconditions.lock_unclaimed_volume(session, context, volume_id)
        if volume.attachments and not force and volume.status not in (Status.IN_USE, Status.DETACHING):
            raise InvalidState(
                f"Invalid volume: Unable to detach volume {volume.id}: its status must be in-use or "
                f"detaching, but it is {volume.status}."
            )
        ended = _find_attachment_to_end(volume, attachment_id)
        remaining = [one for one in volume.attachments if one is not ended]
        if ended is not None:
            attachments.delete(session, ended.id)
        if volume.status in preconditions.ATTACHMENT_STATUSES:
            status = status_from_attachments(remaining)
            volumes.REPOSITORY.update_unclaimed(session, volume.id, status=status.value)


def _is_attached_to(volume: records.Volume, instance_id: str | None, host_name: str | None) -> bool:
    return any((one.instance_id, one.host_name) == (instance_id, host_name) for one in volume.attachments)


def _find_attachment_to_end(volume: records.Volume, attachment_id: str | None) -> records.Attachment | None:
    """Return the attachment to end; None if the volume has none and the caller names none.

    Raises: InvalidState, if several exist and none is named; Conflict, if the named one does not
    exist.
    """
    if attachment_id is None:
        if len(volume.attachments) > 1:
            raise InvalidState(
                "Invalid volume: Detach volume failed: More than one attachment, "
                "but no attachment_id provided."
            )
        return volume.attachments[0] if volume.attachments else None
    for attachment in volume.attachments:
        if attachment.id == attachment_id:
            return attachment
    # Cinder responds so because it takes the attachment for one that only its compute service may end.
    raise Conflict(
        f"Volume {volume.id} has no attachment {attachment_id}. Show the volume to list its attachments."
    )
