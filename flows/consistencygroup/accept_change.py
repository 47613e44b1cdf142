"""Acceptance of changes of a consistency group: its record, its members, and the data of all members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.context import RequestContext
from cgflow.db.repositories import cgsnapshot, consistencygroup, snapshot, volume, volume_type
from cgflow.errors import Busy, InvalidInput, InvalidState, NotFound
from cgflow.quota import deltas
from cgflow.status import Status, Trait, statuses_with
from flows.acceptance import Acceptance, Accepted, accepting, new_id
from flows.consistencygroup.preconditions import (
    check_can_be_cut,
    existing_members,
    lock_group,
    required_cut_level,
)
from flows.revert_target import check_revert_target
from flows.runtime import Runtime
from flows.tasks.driver import snapshot_as_symbol

ADDABLE = statuses_with("volume", Trait.USABLE)
# Failed volumes can be removed too, because they may prevent cuts of the group.
REMOVABLE = statuses_with("volume", Trait.USABLE | Trait.FAILED)


def update(
    runtime: Runtime,
    context: RequestContext,
    group_id: str,
    *,
    name: str | None,
    description: str | None,
    add_volumes: list[str],
    remove_volumes: list[str],
    in_any_status: bool = False,
) -> Accepted | None:
    """Accept to change a group; return None if no volume moves and the change is already committed.

    Arguments that are None change nothing. With ``in_any_status``, name and description can be
    changed whatever the group's status.

    Raises: NotFound, InvalidInput, InvalidState, Busy.
    """
    given = {"name": name, "description": description}
    changes = {key: value for key, value in given.items() if value is not None}
    if not (changes or add_volumes or remove_volumes):
        raise InvalidInput(
            "Name, description, add_volumes, and remove_volumes can not be all empty in the request body."
        )
    _check_disjoint(add_volumes, remove_volumes)
    with accepting(runtime, context) as acceptance:
        group = _lock_group(acceptance.session, group_id, context)
        is_rename = not (add_volumes or remove_volumes)
        if group.status is not Status.AVAILABLE and not (is_rename and in_any_status):
            raise InvalidState(
                "Invalid ConsistencyGroup: Consistency group status must be available, "
                f"but current status is: {group.status}."
            )
        if group.claimed_by is not None and not is_rename:
            raise Busy(
                consistencygroup.REPOSITORY.busy_message(acceptance.session, group.id, group.claimed_by)
            )
        moving = _lock_volumes_to_add(acceptance.session, group, add_volumes)
        moving += _lock_volumes_to_remove(acceptance.session, group, remove_volumes)
        if moving:
            return _accept_moves(acceptance, group, moving, changes)
        if not changes:
            raise InvalidInput(
                f"Cannot update consistency group {group.id} because no valid name, description, "
                "add_volumes, or remove_volumes were provided."
            )
        consistencygroup.REPOSITORY.update_unclaimed(acceptance.session, group.id, **changes)
    return None


def revert(
    runtime: Runtime,
    context: RequestContext,
    group_id: str,
    *,
    cgsnapshot_id: str,
    safety: Mapping[str, str | None] | None,
) -> Accepted:
    """Accept to restore every member to a cgsnapshot, after a safety cgsnapshot unless ``safety`` is None.

    ``safety`` holds the ``name`` and ``description`` of the safety cgsnapshot.

    Raises: NotFound, InvalidInput, InvalidState, Busy, QuotaExceeded.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        group = lock_group(session, group_id, context)
        volumes = existing_members(session, group.id)
        check_can_be_cut(
            session,
            group,
            volumes,
            empty=f"Invalid ConsistencyGroup: Consistency group {group.id} is empty. Nothing is restored.",
        )
        _check_members_unused(volumes)
        target = _lock_cgsnapshot_to_restore(session, group, cgsnapshot_id, context)
        snapshots = snapshot.of_cgsnapshot(session, target.id)
        for one in snapshots:
            check_revert_target(session, "snapshot", one, restored="group")
        _check_same_members(target, volumes, snapshots)
        safety_members: list[dict[str, str]] = []
        symbols: dict[str, Any] = {}
        cut_id = new_id()
        if safety is not None:
            safety_members = [{"volume_id": one.id, "snapshot_id": new_id()} for one in volumes]
            symbols = _safety_cgsnapshot_symbols(
                session, context, group, volumes, safety_members, cut_id, safety
            )
        sources = {"cgsnapshot": [target.id], "snapshot": [one.id for one in snapshots]}
        accepted = acceptance.record_flow(
            "consistencygroup.revert",
            resource=("consistencygroup", group.id),
            group_id=group.id,
            shape={"members": safety_members},
            symbols={
                "host": group.host,
                "sources": [snapshot_as_symbol(one.spec()) for one in snapshots],
                **symbols,
            },
            claims={
                "consistencygroup": [group.id],
                "volume": [one.id for one in volumes],
                "cgsnapshot": [*sources["cgsnapshot"], *([cut_id] if safety_members else [])],
                "snapshot": [*sources["snapshot"], *(member["snapshot_id"] for member in safety_members)],
            },
            deltas=deltas.for_snapshots(
                [(one.size, one.volume_type_name) for one in volumes if safety_members],
                no_snapshot_gb_quota=runtime.settings.no_snapshot_gb_quota,
            ),
        )
        acceptance.claim("consistencygroup", Status.REVERTING)
        acceptance.claim("volume", Status.REVERTING)
        for noun, ids in sources.items():
            acceptance.claim(noun, ids=ids)
    return accepted


def _accept_moves(
    acceptance: Acceptance,
    group: records.ConsistencyGroup,
    moving: list[records.Volume],
    changes: dict[str, str],
) -> Accepted:
    ids = [one.id for one in moving]
    accepted = acceptance.record_flow(
        "consistencygroup.update",
        resource=("consistencygroup", group.id),
        group_id=group.id,
        # A volume whose creation failed is on no backend, so only its record is moved.
        shape={"members": [{"volume_id": one.id} for one in moving if one.host is not None]},
        symbols={
            "host": group.host,
            "moves": {one.id: _move_symbol(group, one) for one in moving},
            "changes": changes,
            "former": {key: getattr(group, key) for key in changes},
        },
        # Snapshots move with their volume, and must not be opened by a reader during the move.
        claims={
            "consistencygroup": [group.id],
            "volume": ids,
            "snapshot": [found.id for found in snapshot.of_volumes(acceptance.session, ids)],
        },
    )
    acceptance.claim("consistencygroup", Status.UPDATING)
    acceptance.claim("volume")
    acceptance.claim("snapshot")
    return accepted


def _move_symbol(group: records.ConsistencyGroup, one: records.Volume) -> dict[str, Any]:
    target = None if one.consistencygroup_id == group.id else group.id
    return {"from": one.consistencygroup_id, "to": target, "size": one.size}


def _lock_group(session: Session, group_id: str, context: RequestContext) -> records.ConsistencyGroup:
    try:
        return consistencygroup.lock(session, group_id, context.scope)
    except NotFound:
        raise NotFound(f"Consistency group {group_id} could not be found.") from None


def _check_disjoint(add_volumes: list[str], remove_volumes: list[str]) -> None:
    duplicates = [volume_id for volume_id in add_volumes if volume_id in remove_volumes]
    if duplicates:
        raise InvalidInput(
            f"UUIDs {', '.join(duplicates)} are in both add and remove volume list.", "add_volumes"
        )


def _lock_volumes_to_add(
    session: Session, group: records.ConsistencyGroup, ids: list[str]
) -> list[records.Volume]:
    """Return the volumes that become members, without those that are members already."""
    found = [_lock_volume_to_move(session, group, "add", id_) for id_ in ids]
    new = [one for one in found if one.consistencygroup_id != group.id]
    for one in new:
        refusal = _reason_against_adding(session, group, one)
        if refusal is not None:
            raise _membership_error(group, "add", one.id, refusal)
        _check_volume_unclaimed(session, one)
    return new


def _reason_against_adding(
    session: Session, group: records.ConsistencyGroup, one: records.Volume
) -> str | None:
    if one.consistencygroup_id is not None:
        return f"it is already in consistency group {one.consistencygroup_id}. Remove it from there first."
    if one.volume_type_id is None:
        return "it has no volume type."
    if one.volume_type_id not in group.volume_type_ids:
        name = volume_type.get(session, one.volume_type_id).name
        return f"volume type {name} is not supported by the group."
    if one.status not in ADDABLE:
        return _invalid_state_reason(one, ADDABLE)
    if one.host != group.host:
        return f"Volume is not local to this node. It is on {one.host}, the group on {group.host}."
    return None


def _lock_volumes_to_remove(
    session: Session, group: records.ConsistencyGroup, ids: list[str]
) -> list[records.Volume]:
    found = [_lock_volume_to_move(session, group, "remove", id_) for id_ in ids]
    for one in found:
        if one.consistencygroup_id != group.id:
            raise _membership_error(group, "remove", one.id, "it is not in the group.")
        if one.status not in REMOVABLE:
            raise _membership_error(group, "remove", one.id, _invalid_state_reason(one, REMOVABLE))
        parts = [part for part in snapshot.of_volumes(session, [one.id]) if part.cgsnapshot_id is not None]
        if parts:
            raise _membership_error(
                group,
                "remove",
                one.id,
                f"cgsnapshot {parts[0].cgsnapshot_id} contains a snapshot of it. "
                "Delete the cgsnapshots that contain it first.",
            )
        _check_volume_unclaimed(session, one)
    return found


def _lock_volume_to_move(
    session: Session, group: records.ConsistencyGroup, verb: str, volume_id: str
) -> records.Volume:
    try:
        # A group and its members belong to the same project, whoever the caller is.
        return volume.lock(session, volume_id, group.project_id)
    except NotFound:
        refusal = "volume cannot be found." if verb == "add" else "it is not in the group."
        raise _membership_error(group, verb, volume_id, refusal) from None


def _check_volume_unclaimed(session: Session, one: records.Volume) -> None:
    if one.claimed_by is not None:
        raise Busy(volume.REPOSITORY.busy_message(session, one.id, one.claimed_by))


def _invalid_state_reason(one: records.Volume, valid: tuple[Status, ...]) -> str:
    states = ", ".join(f"'{status}'" for status in valid)
    return f"volume is in an invalid state: {one.status}. Valid states are: ({states})."


def _membership_error(group: records.ConsistencyGroup, verb: str, volume_id: str, why: str) -> InvalidInput:
    preposition = "to" if verb == "add" else "from"
    return InvalidInput(
        f"Invalid volume: Cannot {verb} volume {volume_id} {preposition} consistency group {group.id} "
        f"because {why}",
        f"{verb}_volumes",
    )


def _safety_cgsnapshot_symbols(
    session: Session,
    context: RequestContext,
    group: records.ConsistencyGroup,
    volumes: list[records.Volume],
    members: list[dict[str, str]],
    cut_id: str,
    labels: Mapping[str, str | None],
) -> dict[str, Any]:
    """Return the symbols of the safety cgsnapshot. It belongs to the group's project, not the caller's."""
    return {
        "members": members,
        "cut_id": cut_id,
        "source_group_id": group.id,
        "sizes": [one.size for one in volumes],
        "level": required_cut_level(session, group, len(volumes)).value,
        "safety": {
            "name": labels.get("name"),
            "description": labels.get("description"),
            "consistencygroup_id": group.id,
            "user_id": context.user_id,
            "project_id": group.project_id,
        },
    }


def _lock_cgsnapshot_to_restore(
    session: Session, group: records.ConsistencyGroup, cgsnapshot_id: str, context: RequestContext
) -> records.Cgsnapshot:
    try:
        target = cgsnapshot.lock(session, cgsnapshot_id, context.scope)
    except NotFound:
        raise NotFound(f"Cgsnapshot could not be found: {cgsnapshot_id}.") from None
    if target.consistencygroup_id != group.id:
        raise InvalidInput(
            f"Invalid cgsnapshot: Cgsnapshot {target.id} belongs to consistency group "
            f"{target.consistencygroup_id}. Group {group.id} can only be restored to its own cgsnapshots.",
            "cgsnapshot_id",
        )
    check_revert_target(session, "cgsnapshot", target, restored="group")
    return target


def _check_members_unused(volumes: list[records.Volume]) -> None:
    for one in volumes:
        if one.attachments or one.status is not Status.AVAILABLE:
            raise InvalidState(
                f"Invalid volume: Member {one.id} is in use (its status is {one.status}), and its data would "
                "change under its user. Detach it first."
            )


def _check_same_members(
    target: records.Cgsnapshot, volumes: list[records.Volume], snapshots: list[records.Snapshot]
) -> None:
    """Raise InvalidState unless the group's members are exactly those of the cgsnapshot."""
    members, snapshotted = {one.id for one in volumes}, {one.volume_id for one in snapshots}
    added, removed = sorted(members - snapshotted), sorted(snapshotted - members)
    if added:
        raise InvalidState(
            f"Invalid ConsistencyGroup: Cgsnapshot {target.id} has no snapshot of {', '.join(added)}, which "
            "was added to the group later. The group's data would not be from one instant. Remove it from "
            "the group first, or create a new group from the cgsnapshot."
        )
    if removed:
        raise InvalidState(
            f"Invalid ConsistencyGroup: Cgsnapshot {target.id} has a snapshot of {', '.join(removed)}, which "
            "is no longer in the group. Create a new group from the cgsnapshot."
        )
