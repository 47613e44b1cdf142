"""What users note of a volume: records alone, so every change is one transaction and no flow."""

from __future__ import annotations

from cgflow.context import RequestContext
from cgflow.db.repositories import volume as volumes
from cgflow.errors import InvalidState
from cgflow.status import Status
from flows.attachment.preconditions import held
from flows.runtime import Runtime


def set_bootable(runtime: Runtime, context: RequestContext, volume_id: str, *, bootable: bool) -> None:
    """Note whether a machine can be started from a volume. Raises: NotFound."""
    with runtime.database.write() as session:
        volumes.lock(session, volume_id, context.scope)
        volumes.REPOSITORY.update_any(session, volume_id, bootable=bootable)


def set_readonly(runtime: Runtime, context: RequestContext, volume_id: str, *, readonly: bool) -> None:
    """Note whether clients may only read a volume: it is attached so, and told with its address.

    Raises: NotFound, Busy, InvalidState while anybody uses it.
    """
    with runtime.database.write() as session:
        volume = held(session, context, volume_id)
        if volume.status is not Status.AVAILABLE:
            raise InvalidState(
                f"Invalid volume: Volume {volume.id} status must be available to update readonly flag, "
                f"but current status is: {volume.status}."
            )
        volumes.REPOSITORY.update_unclaimed(session, volume.id, readonly=readonly)
