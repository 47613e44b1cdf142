"""Accepting operations on volumes."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.repositories import consistencygroup, snapshot, volume, volume_type
from cgflow.errors import Busy, InvalidInput, InvalidState, NotFound
from cgflow.quota import resources
from cgflow.status import Status
from flows.acceptance import Accepted, Desk, accepting, mint
from flows.zones import check_zone

DELETABLE = (Status.AVAILABLE, Status.ERROR, Status.ERROR_DELETING)


def create(
    desk: Desk,
    context: RequestContext,
    *,
    size: int,
    name: str | None,
    description: str | None,
    volume_type: str | None,
    consistencygroup_id: str | None,
    availability_zone: str | None,
    metadata: dict[str, str],
) -> Accepted:
    """Accept to create a volume of ``size`` GiB, in a group if one is named.

    Raises: NotFound for a type or group, InvalidInput, InvalidState, Busy, QuotaExceeded.
    """
    with accepting(desk, context) as acceptance:
        session = acceptance.session
        group = _group(session, consistencygroup_id, context) if consistencygroup_id else None
        kind = _type(session, desk, volume_type, group)
        zone = group.availability_zone if group else check_zone(session, desk.settings, availability_zone)
        volume_id = mint()
        accepted = acceptance.flow(
            "volume.create",
            resource=("volume", volume_id),
            group_id=group.id if group else None,
            shape={},
            symbols={
                "size": size,
                "availability_zone": zone,
                "volume_type_ids": [kind.id] if kind else [],
                "group_host": group.host if group else None,
            },
            claims={"volume": [volume_id]},
            deltas=resources.for_volume(size, kind.name if kind else None),
        )
        columns = acceptance.new(
            id=volume_id,
            name=name,
            description=description,
            size=size,
            availability_zone=zone,
            volume_type_id=kind.id if kind else None,
            consistencygroup_id=group.id if group else None,
            volume_metadata=metadata,
            created_at=clock.now(),
        )
        volume.ROWS.add(session, columns)
    return accepted


def delete(desk: Desk, context: RequestContext, volume_id: str) -> Accepted:
    """Accept to delete a volume that is in no group. Raises: NotFound, InvalidState, Busy."""
    with accepting(desk, context) as acceptance:
        session = acceptance.session
        found = volume.lock(session, volume_id, context.scope)
        _check_free(found, DELETABLE, "deleted")
        # A member that never came to be holds no data of the group, and may go alone.
        if found.consistencygroup_id is not None and found.consumes_quota:
            raise InvalidState(
                "Invalid volume: Volume cannot be deleted while in a consistency group. "
                f"Delete consistency group {found.consistencygroup_id} with force instead."
            )
        if snapshot.of_volumes(session, [found.id]):
            raise InvalidState("Invalid volume: Volume still has dependent snapshots.")
        accepted = acceptance.flow(
            "volume.delete",
            resource=("volume", found.id),
            group_id=found.consistencygroup_id,
            shape={"is_placed": found.host is not None},
            symbols={"host": found.host, "size": found.size, "deleting": ["volume"]},
            claims={"volume": [found.id]},
        )
        acceptance.claim("volume", Status.DELETING)
    return accepted


def extend(desk: Desk, context: RequestContext, volume_id: str, *, new_size: int) -> Accepted:
    """Accept to make a volume ``new_size`` GiB large. Raises: NotFound, InvalidState, InvalidInput, Busy."""
    with accepting(desk, context) as acceptance:
        session = acceptance.session
        found = volume.lock(session, volume_id, context.scope)
        _check_free(found, (Status.AVAILABLE,), "extended")
        if new_size <= found.size:
            raise InvalidInput(
                f"Invalid input received: New size for extend must be greater than current size. "
                f"(current: {found.size}, extended: {new_size}).",
                "new_size",
            )
        if found.consistencygroup_id is not None:
            group = consistencygroup.lock(session, found.consistencygroup_id, None)
            if group.claimed_by is not None:
                raise Busy(consistencygroup.ROWS.busy(group.id, group.claimed_by))
        accepted = acceptance.flow(
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
            deltas=resources.for_extend(new_size - found.size, found.volume_type_name),
        )
        acceptance.claim("volume", Status.EXTENDING)
    return accepted


def _group(session: Session, group_id: str, context: RequestContext) -> records.ConsistencyGroup:
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
        raise Busy(consistencygroup.ROWS.busy(group.id, group.claimed_by))
    return group


def _type(
    session: Session, desk: Desk, wanted: str | None, group: records.ConsistencyGroup | None
) -> records.VolumeType | None:
    if group is not None and wanted is None:
        raise InvalidInput(
            "volume_type must be provided when creating a volume in a consistency group.", "volume_type"
        )
    wanted = wanted or desk.settings.default_volume_type
    if wanted is None:
        return None
    kind = volume_type.find(session, wanted)
    if group is not None and kind.id not in group.volume_type_ids:
        raise InvalidInput(
            "Invalid input received: Invalid volume_type provided (requested type must be supported by this "
            f"consistency group. Volume type {kind.name} is not one of the types of group {group.id}.",
            "volume_type",
        )
    return kind


def _check_free(found: records.Volume, resting: tuple[Status, ...], done: str) -> None:
    if found.claimed_by is not None and found.status in resting:
        raise Busy(volume.ROWS.busy(found.id, found.claimed_by))
    if found.status not in resting:
        raise InvalidState(
            f"Invalid volume: Volume status must be {' or '.join(resting)} to be {done}, "
            f"but current status is: {found.status}."
        )
