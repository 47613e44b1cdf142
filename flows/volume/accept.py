"""Acceptance of creating and deleting volumes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.repositories import consistencygroup, snapshot, volume, volume_type
from cgflow.errors import Busy, InvalidInput, InvalidState, NotFound, NoValidBackend
from cgflow.quota import deltas, limits
from cgflow.status import Status, Trait, statuses_with
from flows.acceptance import Acceptance, Accepted, accepting, new_id
from flows.availability_zones import resolve_zone
from flows.runtime import Runtime
from flows.volume import source as sources
from flows.volume.preconditions import check_size_limits, check_status
from flows.volume.scheduler_hints import allowed_hosts
from flows.volume.source import Source

DELETABLE = statuses_with("volume", Trait.DELETABLE)
FORCE_DELETABLE = statuses_with("volume", Trait.RESETTABLE)


def create(
    runtime: Runtime,
    context: RequestContext,
    *,
    size: int | None,
    name: str | None,
    description: str | None,
    volume_type: str | None,
    consistencygroup_id: str | None,
    availability_zone: str | None,
    metadata: dict[str, str],
    snapshot_id: str | None = None,
    source_volid: str | None = None,
    scheduler_hints: Mapping[str, Any] = MappingProxyType({}),
) -> Accepted:
    """Accept to create a volume of ``size`` GiB, in a group and from a source if they are named.

    Raises: NotFound, if a type, group or source does not exist; InvalidInput; InvalidState; Busy;
    QuotaExceeded; NoValidBackend, if the scheduler hints exclude the required backend.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        group = _lock_group(session, consistencygroup_id, context) if consistencygroup_id else None
        source = sources.find_source(session, context, snapshot_id, source_volid)
        size = sources.size_of_new_volume(size, source)
        limits.check_volume_size(session, context.project_id, size)
        kind = _find_volume_type(acceptance, volume_type or source.volume_type_id, group)
        check_size_limits(kind, size, "size")
        wanted = group.availability_zone if group else availability_zone
        zone = resolve_zone(session, runtime.settings, wanted, [kind] if kind else [])
        required_host = _required_host(group, source)
        allowed = allowed_hosts(session, context, scheduler_hints)
        if allowed is not None and required_host is not None and required_host not in allowed:
            raise NoValidBackend(
                f"The volume must be on backend {required_host}, which the scheduler hints exclude."
            )
        volume_id = new_id()
        accepted = acceptance.record_flow(
            source.operation,
            resource=("volume", volume_id),
            group_id=group.id if group else None,
            shape=source.shape,
            symbols={
                "size": size,
                "availability_zone": zone,
                "volume_type_ids": [kind.id] if kind else [],
                "group_host": required_host,
                **({} if allowed is None or required_host is not None else {"allowed_hosts": allowed}),
                **source.symbols,
            },
            claims={**source.claims, "volume": [volume_id, *source.claims.get("volume", ())]},
            deltas=deltas.for_volume(size, kind.name if kind else None),
        )
        for noun, ids in source.claims.items():
            acceptance.claim(noun, ids=ids)
        columns = acceptance.new_resource_columns(
            id=volume_id,
            name=name,
            description=description,
            size=size,
            availability_zone=zone,
            volume_type_id=kind.id if kind else None,
            consistencygroup_id=group.id if group else None,
            volume_metadata=metadata,
            created_at=clock.now(),
            **source.columns,
        )
        volume.REPOSITORY.add(session, columns)
    return accepted


def delete(
    runtime: Runtime, context: RequestContext, volume_id: str, *, cascade: bool = False, force: bool = False
) -> Accepted:
    """Accept to delete a volume that is in no group, or a group member that was never created.

    ``cascade`` deletes its snapshots too. ``force`` accepts more statuses, if no flow holds the
    volume.

    Raises: NotFound, InvalidState, Busy.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        found = volume.lock(session, volume_id, context.scope)
        deletable = FORCE_DELETABLE if force and found.claimed_by is None else DELETABLE
        check_status(session, found, deletable, "deleted")
        # A member whose creation was rolled back has no data and can be deleted alone.
        if found.consistencygroup_id is not None and found.consumes_quota:
            raise InvalidState(
                "Invalid volume: Volume cannot be deleted while in a consistency group. "
                f"Remove it first (cgflow group update {found.consistencygroup_id} --remove {found.id}), "
                "or delete the group with force, which deletes all of its members."
            )
        if found.attachments:
            raise InvalidState("Invalid volume: Volume is still attached. Detach it first.")
        snapshots = _dependent_snapshots(session, found, cascade=cascade)
        accepted = acceptance.record_flow(
            "volume.delete",
            resource=("volume", found.id),
            group_id=found.consistencygroup_id,
            shape={
                "is_placed": found.host is not None,
                # Only snapshots that exist have to be removed from the backend.
                "copies": [_snapshot_member(one) for one in snapshots if not snapshot.was_rolled_back(one)],
            },
            symbols={"host": found.host, "size": found.size, "deleting": ["snapshot", "volume"]},
            claims={"snapshot": [one.id for one in snapshots], "volume": [found.id]},
        )
        acceptance.claim("snapshot", Status.DELETING)
        acceptance.claim("volume", Status.DELETING)
    return accepted


def _required_host(group: records.ConsistencyGroup | None, source: Source) -> str | None:
    """Return the only possible backend of a new volume, None if there is a choice. Raises: InvalidInput."""
    if group is not None and source.host is not None and group.host != source.host:
        raise InvalidInput(
            f"Invalid input received: The source of the volume is on backend {source.host}, but consistency "
            f"group {group.id} is on {group.host}.",
            "consistencygroup_id",
        )
    return source.host if group is None else group.host


def _dependent_snapshots(session: Session, found: records.Volume, *, cascade: bool) -> list[records.Snapshot]:
    """Return the snapshots that are deleted with a volume. Raises: Busy; InvalidState, if one prevents it."""
    snapshots = snapshot.of_volumes(session, [found.id])
    if not cascade and any(not snapshot.was_rolled_back(one) for one in snapshots):
        raise InvalidState(
            f"Invalid volume: Volume {found.id} still has dependent snapshots. "
            "Delete them first, or delete the volume with cascade."
        )
    for one in snapshots:
        if one.claimed_by is not None:
            raise Busy(snapshot.REPOSITORY.busy_message(session, one.id, one.claimed_by))
        if one.cgsnapshot_id is not None:
            raise InvalidState(
                f"Invalid volume: Snapshot {one.id} of the volume is part of cgsnapshot "
                f"{one.cgsnapshot_id} and has to be deleted together with it."
            )
    return snapshots


def _snapshot_member(of: records.Snapshot) -> dict[str, str]:
    return {"volume_id": of.volume_id, "snapshot_id": of.id, "resource_id": of.id}


def _lock_group(session: Session, group_id: str, context: RequestContext) -> records.ConsistencyGroup:
    try:
        group = consistencygroup.lock(session, group_id, context.scope)
    except NotFound:
        raise NotFound(f"Consistency group id:{group_id} not found") from None
    if group.status is not Status.AVAILABLE:
        raise InvalidState(
            "Invalid ConsistencyGroup: Originating consistencygroup status must be one of 'available' "
            f"values, but current status is: {group.status}."
        )
    if group.claimed_by is not None:
        raise Busy(consistencygroup.REPOSITORY.busy_message(session, group.id, group.claimed_by))
    return group


def _find_volume_type(
    acceptance: Acceptance, wanted: str | None, group: records.ConsistencyGroup | None
) -> records.VolumeType | None:
    if group is not None and wanted is None:
        raise InvalidInput(
            "volume_type must be provided when creating a volume in a consistency group.", "volume_type"
        )
    project_id, configured = acceptance.context.project_id, acceptance.settings.default_volume_type
    wanted = wanted or volume_type.effective_default(acceptance.session, project_id, configured)
    if wanted is None:
        return None
    kind = volume_type.find(acceptance.session, wanted, acceptance.context)
    if group is not None and kind.id not in group.volume_type_ids:
        raise InvalidInput(
            "Invalid input received: Invalid volume_type provided (requested type must be supported by this "
            f"consistency group. Volume type {kind.name} is not one of the types of group {group.id}.",
            "volume_type",
        )
    return kind
