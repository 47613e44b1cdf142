"""Preconditions of attachments, and the status of a volume that follows from its attachments."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.context import RequestContext
from cgflow.db.repositories import volume as volumes
from cgflow.errors import Busy, InvalidState
from cgflow.status import Status, Trait, statuses_with

ATTACHMENT_STATUSES = statuses_with("volume", Trait.ATTACHMENT)
"""Statuses of a volume that is in use, about to be used, or about to be released."""

MULTIATTACH_STATUSES = (Status.RESERVED, Status.ATTACHING, Status.IN_USE)
"""Statuses in which a multiattach volume accepts another attachment."""


def lock_unclaimed_volume(session: Session, context: RequestContext, volume_id: str) -> records.Volume:
    """Return a volume, locked, that no flow holds. Raises: NotFound, Busy."""
    volume = volumes.lock(session, volume_id, context.scope)
    if volume.claimed_by is not None:
        raise Busy(volumes.REPOSITORY.busy_message(session, volume.id, volume.claimed_by))
    return volume


def check_attachable(volume: records.Volume, instance_id: str | None) -> None:
    """Raise InvalidState if a volume is in use already.

    Allowed are a multiattach volume, and a volume whose attachments all belong to the same server,
    which is migrating.
    """
    if volume.status is Status.AVAILABLE:
        return
    if volume.is_multiattach and volume.status in MULTIATTACH_STATUSES:
        return
    users = {attachment.instance_id for attachment in volume.attachments}
    if volume.status in ATTACHMENT_STATUSES and instance_id is not None and users == {instance_id}:
        return
    raise InvalidState(
        f"Invalid volume: Volume {volume.id} status must be available to reserve, "
        f"but the status is {volume.status}."
    )


def check_attach_mode(volume: records.Volume, mode: str) -> None:
    """Raise InvalidState if a read-only volume is to be attached for writing."""
    if volume.readonly and mode != "ro":
        raise InvalidState(
            f"Invalid volume: Invalid attaching mode '{mode}' for volume {volume.id}: it is read-only."
        )
