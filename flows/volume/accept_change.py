"""Acceptance of changes of a volume: size, type and content."""

from __future__ import annotations

from typing import NoReturn

from cgflow import records
from cgflow.context import RequestContext
from cgflow.db.repositories import snapshot, volume, volume_type
from cgflow.errors import InvalidInput, InvalidState
from cgflow.quota import deltas, limits
from cgflow.status import Status, Trait, statuses_with
from flows.acceptance import Accepted, accepting
from flows.availability_zones import resolve_zone
from flows.revert_target import check_revert_target
from flows.runtime import Runtime
from flows.tasks.driver import snapshot_as_symbol
from flows.volume.preconditions import check_size_limits, check_status, refuse_member, require_unclaimed_group


def extend(
    runtime: Runtime, context: RequestContext, volume_id: str, *, new_size: int, while_used: bool = False
) -> Accepted:
    """Accept to extend a volume to ``new_size`` GiB; ``while_used`` also accepts a volume that is ``in-use``.

    Whether a connected client is allowed during the extension is the backend's decision.

    Raises: NotFound, InvalidState, InvalidInput, Busy, QuotaExceeded.
    """
    resting = statuses_with("volume", Trait.USABLE) if while_used else (Status.AVAILABLE,)
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        found = volume.lock(session, volume_id, context.scope)
        check_status(session, found, resting, "extended")
        if new_size <= found.size:
            raise InvalidInput(
                f"Invalid input received: New size for extend must be greater than current size. "
                f"(current: {found.size}, extended: {new_size}).",
                "new_size",
            )
        limits.check_volume_size(session, found.project_id, new_size)
        if found.volume_type_id is not None:
            check_size_limits(volume_type.get(session, found.volume_type_id), new_size, "new_size")
        require_unclaimed_group(session, found)
        accepted = acceptance.record_flow(
            "volume.extend",
            resource=("volume", found.id),
            group_id=found.consistencygroup_id,
            shape={},
            symbols={
                "host": found.host,
                "size": found.size,
                "new_size": new_size,
                "volume_type_ids": [found.volume_type_id] if found.volume_type_id else [],
            },
            claims={"volume": [found.id]},
            deltas=deltas.for_extend(new_size - found.size, found.volume_type_name),
        )
        acceptance.claim("volume", Status.EXTENDING)
    return accepted


def retype(runtime: Runtime, context: RequestContext, volume_id: str, *, new_type: str) -> Accepted:
    """Accept to change a volume's type on its current backend.

    Raises: NotFound, InvalidState, InvalidInput, Busy, QuotaExceeded.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        found = volume.lock(session, volume_id, context.scope)
        refuse_member(found, "Remove it from the group first.")
        check_status(session, found, (Status.AVAILABLE,), "retyped")
        kind = volume_type.find(session, new_type, context)
        resolve_zone(session, runtime.settings, found.availability_zone, [kind])
        if kind.id == found.volume_type_id:
            raise InvalidInput(
                f"Invalid volume type: Volume {found.id} has type {kind.name} already.",
                "new_type",
            )
        check_size_limits(kind, found.size, "new_type")
        taken = deltas.for_volume(found.size, kind.name)
        given_back = deltas.negate(deltas.for_volume(found.size, found.volume_type_name))
        accepted = acceptance.record_flow(
            "volume.retype",
            resource=("volume", found.id),
            group_id=None,
            shape={},
            symbols={
                "host": found.host,
                "availability_zone": found.availability_zone,
                "volume_type_ids": [kind.id],
                "old_type_id": found.volume_type_id,
            },
            claims={"volume": [found.id]},
            deltas=deltas.sum_deltas(taken, given_back),
        )
        acceptance.claim("volume", Status.RETYPING)
    return accepted


def revert(runtime: Runtime, context: RequestContext, volume_id: str, *, snapshot_id: str) -> Accepted:
    """Accept to restore a volume to one of its snapshots.

    Raises: NotFound, InvalidInput, InvalidState, Busy.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        found = volume.lock(session, volume_id, context.scope)
        chosen = snapshot.lock(session, snapshot_id, context.scope)
        refuse_member(
            found, "Its data would no longer be from the same instant as that of the other members."
        )
        check_status(session, found, (Status.AVAILABLE,), "reverted")
        _check_snapshot_of_volume(found, chosen)
        check_revert_target(session, "snapshot", chosen, restored="volume")
        accepted = acceptance.record_flow(
            "volume.revert",
            resource=("volume", found.id),
            group_id=found.consistencygroup_id,
            shape={},
            symbols={"host": found.host, "sources": [snapshot_as_symbol(chosen.spec())]},
            claims={"volume": [found.id], "snapshot": [chosen.id]},
        )
        acceptance.claim("volume", Status.REVERTING)
        acceptance.claim("snapshot")
    return accepted


def refuse_migration(runtime: Runtime, context: RequestContext, volume_id: str) -> NoReturn:
    """Refuse to move a volume to another backend, which is not supported. Raises: NotFound, InvalidState."""
    with runtime.database.read() as session:
        found = volume.get(session, volume_id, context.scope)
    refuse_member(found, "Remove it from the group first.")
    raise InvalidState(
        "Invalid volume: Migration between backends is not supported. Create a volume from a snapshot, or "
        "copy the data to a volume on the other backend."
    )


def refuse_upload_to_image(runtime: Runtime, context: RequestContext, volume_id: str) -> NoReturn:
    """Refuse to create an image from a volume: there is no image service. Raises: NotFound, InvalidState."""
    _refuse_without_images(
        runtime,
        context,
        volume_id,
        "no image can be created. Read the data from the volume's address (os-initialize_connection).",
    )


def refuse_reimage(runtime: Runtime, context: RequestContext, volume_id: str) -> NoReturn:
    """Refuse to write an image into a volume: there is no image service. Raises: NotFound, InvalidState."""
    _refuse_without_images(
        runtime,
        context,
        volume_id,
        "no image can be written. Write the data to the volume's address (os-initialize_connection).",
    )


def _refuse_without_images(
    runtime: Runtime, context: RequestContext, volume_id: str, consequence: str
) -> NoReturn:
    with runtime.database.read() as session:
        volume.get(session, volume_id, context.scope)
    raise InvalidState(f"Invalid volume: There is no image service, so {consequence}")


def refuse_extend_completion(runtime: Runtime, context: RequestContext, volume_id: str) -> NoReturn:
    """Refuse to complete an extension: none ever waits for completion. Raises: NotFound, InvalidState."""
    with runtime.database.read() as session:
        found = volume.get(session, volume_id, context.scope)
    raise InvalidState(
        f"Invalid volume: Volume {found.id} has status {found.status}. "
        "No extension of it waits for a compute service."
    )


def _check_snapshot_of_volume(found: records.Volume, chosen: records.Snapshot) -> None:
    if chosen.volume_id != found.id:
        raise InvalidInput(
            f"Invalid input received: Snapshot {chosen.id} does not belong to volume {found.id}.",
            "snapshot_id",
        )
