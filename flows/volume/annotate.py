"""Flags that users set on a volume. Each change is one transaction on the record, without a flow."""

from __future__ import annotations

from cgflow.context import RequestContext
from cgflow.db.repositories import volume as volumes
from cgflow.errors import InvalidState
from cgflow.status import Status
from flows.attachment.preconditions import lock_unclaimed
from flows.runtime import Runtime


def set_bootable(runtime: Runtime, context: RequestContext, volume_id: str, *, bootable: bool) -> None:
    """Record whether a machine can boot from a volume. Raises: NotFound."""
    with runtime.database.write() as session:
        volumes.lock(session, volume_id, context.scope)
        volumes.REPOSITORY.update_any(session, volume_id, bootable=bootable)


def set_readonly(runtime: Runtime, context: RequestContext, volume_id: str, *, readonly: bool) -> None:
    """Record whether a volume is read-only: it can then be attached only for reading.

    The flag is also returned with the volume's address.

    Raises: NotFound; Busy; InvalidState, unless the volume is ``available``.
    """
    with runtime.database.write() as session:
        volume = lock_unclaimed(session, context, volume_id)
        if volume.status is not Status.AVAILABLE:
            raise InvalidState(
                f"Invalid volume: Volume {volume.id} status must be available to update readonly flag, "
                f"but current status is: {volume.status}."
            )
        volumes.REPOSITORY.update_unclaimed(session, volume.id, readonly=readonly)
