"""Acceptance of operations on snapshots of single volumes."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.repositories import cgsnapshot, snapshot, volume
from cgflow.errors import Busy, InvalidState
from cgflow.quota import deltas
from cgflow.status import Status, Trait, statuses_with
from flows.acceptance import Accepted, accepting, new_id
from flows.runtime import Runtime
from flows.volume.preconditions import require_unclaimed_group

DELETABLE = statuses_with("snapshot", Trait.DELETABLE)
FORCE_DELETABLE = statuses_with("snapshot", Trait.RESETTABLE)


def create(
    runtime: Runtime,
    context: RequestContext,
    *,
    volume_id: str,
    name: str | None,
    description: str | None,
    force: bool,
    metadata: dict[str, str] | None = None,
) -> Accepted:
    """Accept to take a snapshot of a volume; a volume that is in use requires ``force``.

    Raises: NotFound, InvalidState, Busy, QuotaExceeded.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        found = volume.lock(session, volume_id, context.scope)
        _check_volume_can_be_snapshotted(session, found, force=force)
        require_unclaimed_group(session, found)
        snapshot_id = new_id()
        member = {"volume_id": found.id, "snapshot_id": snapshot_id}
        accepted = acceptance.record_flow(
            "snapshot.create",
            resource=("snapshot", snapshot_id),
            group_id=found.consistencygroup_id,
            shape={"member": member},
            symbols={"members": [member], "host": found.host, "sizes": [found.size]},
            claims={"snapshot": [snapshot_id], "volume": [found.id]},
            deltas=deltas.for_snapshots(
                [(found.size, found.volume_type_name)],
                no_snapshot_gb_quota=runtime.settings.no_snapshot_gb_quota,
            ),
        )
        acceptance.claim("volume")
        columns = acceptance.new_resource_columns(
            id=snapshot_id,
            name=name,
            description=description,
            volume_id=found.id,
            size=found.size,
            progress="0%",
            snapshot_metadata=metadata,
            volume_type_id=found.volume_type_id,
            created_at=clock.now(),
        )
        snapshot.REPOSITORY.add(session, columns)
    return accepted


def delete(runtime: Runtime, context: RequestContext, snapshot_id: str, *, force: bool = False) -> Accepted:
    """Accept to delete a snapshot that belongs to no cgsnapshot, or whose cgsnapshot is deleted.

    ``force`` accepts more statuses, if no flow holds the snapshot.

    Raises: NotFound, InvalidState, Busy.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        found = snapshot.lock(session, snapshot_id, context.scope)
        _check_deletable(session, found, force)
        # The record of a rolled-back snapshot may have outlived its volume. The snapshot is deleted
        # on the backend all the same, because something may be left there.
        volumes = volume.REPOSITORY.list_by_ids(session, [found.volume_id])
        for one in volumes:
            require_unclaimed_group(session, one)
        accepted = acceptance.record_flow(
            "snapshot.delete",
            resource=("snapshot", found.id),
            group_id=found.group_id,
            shape={
                "member": {"volume_id": found.volume_id, "snapshot_id": found.id},
                "is_placed": found.host is not None,
            },
            symbols={"host": found.host, "deleting": ["snapshot"]},
            claims={"snapshot": [found.id], "volume": [one.id for one in volumes]},
        )
        acceptance.claim("snapshot", Status.DELETING)
        acceptance.claim("volume")
    return accepted


def _check_volume_can_be_snapshotted(session: Session, found: records.Volume, *, force: bool) -> None:
    if found.claimed_by is not None and found.status in statuses_with("volume", Trait.USABLE):
        raise Busy(volume.REPOSITORY.busy_message(session, found.id, found.claimed_by))
    if found.status is Status.IN_USE and force:
        return
    if found.status is not Status.AVAILABLE:
        hint = " Use force for a volume that is in use." if found.status is Status.IN_USE else ""
        raise InvalidState(
            f"Invalid volume: Volume {found.id} status must be available, "
            f"but current status is: {found.status}.{hint}"
        )


def _check_deletable(session: Session, found: records.Snapshot, force: bool) -> None:
    if found.claimed_by is not None and found.status in DELETABLE:
        raise Busy(snapshot.REPOSITORY.busy_message(session, found.id, found.claimed_by))
    if found.status not in (FORCE_DELETABLE if force and found.claimed_by is None else DELETABLE):
        raise InvalidState(
            "Invalid snapshot: Snapshot status must be available or error, "
            f"but current status is: {found.status}."
        )
    if found.cgsnapshot_id is not None and cgsnapshot.find(session, found.cgsnapshot_id) is not None:
        raise InvalidState(
            f"Invalid snapshot: Snapshot {found.id} is part of a cgsnapshot "
            "and has to be deleted together with the cgsnapshot."
        )
