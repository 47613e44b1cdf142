"""Acceptance of creating and deleting consistency groups."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.models.groups import BUILT_IN
from cgflow.db.repositories import cgsnapshot, consistencygroup, group_type, snapshot, volume, volume_type
from cgflow.errors import Busy, InvalidInput, InvalidState
from cgflow.quota import deltas
from cgflow.status import Status, Trait, statuses_with
from flows.acceptance import Acceptance, Accepted, accepting, new_id
from flows.availability_zones import resolve_zone
from flows.consistencygroup.preconditions import (
    check_can_be_cut,
    existing_members,
    lock_group,
    required_cut_level,
)
from flows.runtime import Runtime

DELETABLE = statuses_with("consistencygroup", Trait.DELETABLE)
FORCE_DELETABLE = statuses_with("consistencygroup", Trait.RESETTABLE)
REPLICATION = ("group_replication_enabled", "consistent_group_replication_enabled")


def create(
    runtime: Runtime,
    context: RequestContext,
    *,
    name: str | None,
    description: str | None,
    volume_types: list[str],
    availability_zone: str | None,
    kind: str | None = None,
) -> Accepted:
    """Accept to create a group with these volume types and this group type (``kind``), by name or id.

    Without ``kind``, the group has the built-in group type.

    Raises: NotFound, if a type does not exist; InvalidInput, for an invalid zone or if no volume
    type is given; QuotaExceeded.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        if not volume_types:
            raise InvalidInput(
                f"volume_types must be provided to create consistency group {name}.", "volume_types"
            )
        found_type = _lock_supported_group_type(session, context, kind or BUILT_IN)
        types = volume_type.find_many(session, volume_types, context)
        zone = resolve_zone(session, runtime.settings, availability_zone, types)
        group_id = new_id()
        accepted = acceptance.record_flow(
            "consistencygroup.create",
            resource=("consistencygroup", group_id),
            group_id=group_id,
            shape={},
            symbols={"volume_type_ids": [found.id for found in types], "availability_zone": zone},
            claims={"consistencygroup": [group_id]},
            deltas=deltas.for_group(),
        )
        consistencygroup.add(
            session,
            [found.id for found in types],
            **acceptance.new_resource_columns(
                id=group_id,
                name=name,
                description=description,
                availability_zone=zone,
                group_type_id=found_type.id,
                created_at=clock.now(),
            ),
        )
    return accepted


def create_from(
    runtime: Runtime,
    context: RequestContext,
    *,
    name: str | None,
    description: str | None,
    cgsnapshot_id: str | None,
    source_cgid: str | None,
) -> Accepted:
    """Accept to create a group with the volumes' data taken from one source, a cgsnapshot or a group.

    Raises: NotFound; InvalidInput, unless exactly one source is named; InvalidState; Busy;
    QuotaExceeded.
    """
    labels = {"name": name, "description": description}
    if cgsnapshot_id and source_cgid:
        raise InvalidInput(
            "Cannot provide both 'cgsnapshot_id' and 'source_cgid' to create consistency group "
            f"{name} from source.",
            "source_cgid",
        )
    with accepting(runtime, context) as acceptance:
        if cgsnapshot_id:
            return _accept_clone_of_cgsnapshot(acceptance, cgsnapshot_id, labels)
        if source_cgid:
            return _accept_clone_of_group(acceptance, source_cgid, labels)
    raise InvalidInput(
        "Either 'cgsnapshot_id' or 'source_cgid' must be provided to create consistency group "
        f"{name} from source.",
        "cgsnapshot_id",
    )


def delete(
    runtime: Runtime, context: RequestContext, group_id: str, *, force: bool, flag: str = "force"
) -> Accepted:
    """Accept to delete a group, with its members if ``force``; ``flag`` is the name of ``force`` on the wire.

    Raises: NotFound, InvalidState, Busy.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        group = lock_group(session, group_id, context)
        members = volume.members_of(session, group.id)
        _check_deletable(session, group, members, force, flag)
        shape = {"members": [{"volume_id": member.id} for member in members], "is_placed": bool(group.host)}
        accepted = acceptance.record_flow(
            "consistencygroup.delete",
            resource=("consistencygroup", group.id),
            group_id=group.id,
            shape=shape,
            symbols={
                "host": group.host,
                "sizes": {member.id: member.size for member in members},
                "deleting": ["volume", "consistencygroup"],
            },
            claims={"volume": [member.id for member in members], "consistencygroup": [group.id]},
        )
        acceptance.claim("consistencygroup", Status.DELETING)
        acceptance.claim("volume", Status.DELETING)
    return accepted


def groups_being_created_from(session: Session, cgsnapshot_id: str) -> list[records.ConsistencyGroup]:
    """Return the groups being created from a cgsnapshot, also those whose rollback has left something."""
    found = consistencygroup.groups_created_from(session, cgsnapshot_id)
    return [
        one
        for one in found
        if one.claimed_by is not None and not one.consumes_quota and one.status is not Status.DELETING
    ]


def _lock_supported_group_type(session: Session, context: RequestContext, wanted: str) -> records.GroupType:
    """Return the group type. Raises: InvalidInput, if it requires replication, which is not supported."""
    found = group_type.lock_by_id_or_name(session, wanted, private=context.is_admin)
    for spec in REPLICATION:
        if found.group_specs.get(spec, "").replace(" ", "").lower() == "<is>true":
            raise InvalidInput(
                f"Group type {found.name} requires replication ({spec}), which is not supported.",
                "group_type",
            )
    return found


def _accept_clone_of_cgsnapshot(
    acceptance: Acceptance, cgsnapshot_id: str, labels: dict[str, str | None]
) -> Accepted:
    session = acceptance.session
    source = cgsnapshot.lock(session, cgsnapshot_id, acceptance.context.scope)
    if source.status is not Status.AVAILABLE:
        raise InvalidState(
            "Invalid CgSnapshot: Originating CGSNAPSHOT status must be one of 'available' values, "
            f"but current status is: {source.status}."
        )
    snapshots = snapshot.of_cgsnapshot(session, source.id)
    if not snapshots:
        raise InvalidState(
            "Invalid ConsistencyGroup: Cgsnahost is empty. No consistency group will be created."
        )
    for one in snapshots:
        if one.status is not Status.AVAILABLE:
            raise InvalidState(
                "Invalid snapshot: Originating snapshot status must be one of 'available' values, "
                f"but that of snapshot {one.id} is: {one.status}."
            )
    group = consistencygroup.get(session, source.consistencygroup_id, None)
    volumes = {one.id: one for one in volume.members_of(session, group.id)}
    members, copied = [], {}
    for one in snapshots:
        if one.volume_id not in volumes:
            raise InvalidState(
                f"Invalid volume: Volume {one.volume_id} has a snapshot in cgsnapshot {source.id}, but "
                "its record says that it is not in the group. Run 'cgflow audit' to see the difference."
            )
        id_ = new_id()
        members.append({"volume_id": one.volume_id, "snapshot_id": one.id, "new_id": id_})
        copied[id_] = _inherited_columns(volumes[one.volume_id]) | {
            "size": one.size,
            "volume_type_id": one.volume_type_id,
            "snapshot_id": one.id,
        }
    charged = [(one.size, one.volume_type_name) for one in snapshots]
    return _accept_clone(
        acceptance,
        "consistencygroup.create_from_cgsnapshot",
        group,
        symbols={"members": members, "copied": copied, "cut_id": source.id},
        charged=charged,
        labels={**labels, "cgsnapshot_id": source.id},
    )


def _accept_clone_of_group(
    acceptance: Acceptance, source_cgid: str, labels: dict[str, str | None]
) -> Accepted:
    session = acceptance.session
    source = consistencygroup.lock(session, source_cgid, acceptance.context.scope)
    sources = existing_members(session, source.id)
    check_can_be_cut(
        session,
        source,
        sources,
        empty="Invalid ConsistencyGroup: Source CG is empty. No consistency group will be created.",
    )
    members, copied = [], {}
    for one in sources:
        id_ = new_id()
        members.append({"volume_id": one.id, "snapshot_id": new_id(), "new_id": id_})
        columns = {"size": one.size, "volume_type_id": one.volume_type_id, "source_volid": one.id}
        copied[id_] = _inherited_columns(one) | columns
    # The flow cuts the members, so it holds the source group against other operations.
    accepted = _accept_clone(
        acceptance,
        "consistencygroup.create_from_group",
        source,
        symbols={"members": members, "copied": copied, "cut_id": new_id()},
        charged=[(one.size, one.volume_type_name) for one in sources],
        labels={**labels, "source_cgid": source.id},
        claimed_groups=[source.id],
    )
    acceptance.claim("consistencygroup", ids=[source.id])
    return accepted


def _accept_clone(
    acceptance: Acceptance,
    operation: str,
    source: records.ConsistencyGroup,
    *,
    symbols: dict[str, Any],
    charged: list[tuple[int, str | None]],
    labels: dict[str, str | None],
    claimed_groups: list[str] | None = None,
) -> Accepted:
    if source.host is None:
        raise InvalidState(f"Invalid ConsistencyGroup: No host to create consistency group {labels['name']}.")
    # A project that has lost access to a private type keeps its volumes, but cannot clone them.
    types = [one["volume_type_id"] for one in symbols["copied"].values() if one["volume_type_id"]]
    volume_type.find_many(acceptance.session, [*source.volume_type_ids, *types], acceptance.context)
    group_id = new_id()
    accepted = acceptance.record_flow(
        operation,
        resource=("consistencygroup", group_id),
        group_id=group_id,
        shape={"members": symbols["members"]},
        symbols={
            **symbols,
            "host": source.host,
            "source_group_id": source.id,
            "level": required_cut_level(acceptance.session, source, len(symbols["members"])).value,
        },
        claims={"consistencygroup": [group_id, *(claimed_groups or [])], "volume": list(symbols["copied"])},
        deltas=deltas.sum_deltas(deltas.for_group(), deltas.for_volumes(charged)),
    )
    consistencygroup.add(
        acceptance.session,
        list(source.volume_type_ids),
        **acceptance.new_resource_columns(
            id=group_id,
            availability_zone=source.availability_zone,
            group_type_id=source.group_type_id,
            created_at=clock.now(),
            **labels,
        ),
    )
    return accepted


def _inherited_columns(source: records.Volume) -> dict[str, Any]:
    """Return the columns that a new volume takes over from its source volume."""
    return {
        "name": source.name,
        "description": source.description,
        "volume_metadata": dict(source.metadata),
        "bootable": source.bootable,
        "image_metadata": source.image_metadata,
    }


def _check_deletable(
    session: Session, group: records.ConsistencyGroup, members: list[records.Volume], force: bool, flag: str
) -> None:
    if group.claimed_by is not None and group.status in statuses_with("consistencygroup", Trait.AT_REST):
        raise Busy(consistencygroup.REPOSITORY.busy_message(session, group.id, group.claimed_by))
    if group.status not in (FORCE_DELETABLE if force and group.claimed_by is None else DELETABLE):
        raise InvalidState(
            "Invalid consistency group: Consistency group status must be available or error, "
            f"but current status is: {group.status}."
        )
    if cgsnapshot.of_group(session, group.id):
        raise InvalidState(
            f"Invalid consistency group: Consistency group {group.id} still has dependent cgsnapshots."
        )
    if members and not force:
        raise InvalidState(
            f"Invalid consistency group: Consistency group {group.id} still contains volumes. "
            f"The {flag} flag is required to delete it."
        )
    if any(
        member.attachments or member.status in statuses_with("volume", Trait.ATTACHMENT) for member in members
    ):
        raise InvalidState(
            f"Invalid consistency group: Volume in consistency group {group.id} is attached. "
            "Need to detach first."
        )
    if snapshot.of_volumes(session, [member.id for member in members]):
        raise InvalidState(
            "Invalid consistency group: Volume in consistency group still has dependent snapshots."
        )
    for member in members:
        if member.claimed_by is not None:
            raise Busy(volume.REPOSITORY.busy_message(session, member.id, member.claimed_by))
