"""Acceptance of changes of a consistency group: name, description and members."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.context import RequestContext
from cgflow.db.repositories import consistencygroup, snapshot, volume, volume_type
from cgflow.errors import Busy, InvalidInput, InvalidState, NotFound
from cgflow.status import Status, Trait, statuses_with
from flows.runtime import Acceptance, Accepted, Runtime, accepting

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
        group = _group(acceptance.session, group_id, context)
        is_naming = not (add_volumes or remove_volumes)
        if group.status is not Status.AVAILABLE and not (is_naming and in_any_status):
            raise InvalidState(
                "Invalid ConsistencyGroup: Consistency group status must be available, "
                f"but current status is: {group.status}."
            )
        if group.claimed_by is not None and not is_naming:
            raise Busy(
                consistencygroup.REPOSITORY.busy_message(acceptance.session, group.id, group.claimed_by)
            )
        moving = _added(acceptance.session, group, add_volumes)
        moving += _removed(acceptance.session, group, remove_volumes)
        if moving:
            return _moving(acceptance, group, moving, changes)
        if not changes:
            raise InvalidInput(
                f"Cannot update consistency group {group.id} because no valid name, description, "
                "add_volumes, or remove_volumes were provided."
            )
        consistencygroup.REPOSITORY.update_unclaimed(acceptance.session, group.id, **changes)
    return None


def _moving(
    acceptance: Acceptance,
    group: records.ConsistencyGroup,
    moving: list[records.Volume],
    changes: dict[str, str],
) -> Accepted:
    ids = [one.id for one in moving]
    accepted = acceptance.flow(
        "consistencygroup.update",
        resource=("consistencygroup", group.id),
        group_id=group.id,
        # A volume whose creation failed is on no backend, so only its record is moved.
        shape={"members": [{"volume_id": one.id} for one in moving if one.host is not None]},
        symbols={
            "host": group.host,
            "moves": {one.id: _move(group, one) for one in moving},
            "changes": changes,
            "former": {key: getattr(group, key) for key in changes},
        },
        # Snapshots move with their volume, and must not be opened by a reader during the move.
        claims={
            "consistencygroup": [group.id],
            "volume": ids,
            "snapshot": [copy.id for copy in snapshot.of_volumes(acceptance.session, ids)],
        },
    )
    acceptance.claim("consistencygroup", Status.UPDATING)
    acceptance.claim("volume")
    acceptance.claim("snapshot")
    return accepted


def _move(group: records.ConsistencyGroup, one: records.Volume) -> dict[str, Any]:
    target = None if one.consistencygroup_id == group.id else group.id
    return {"from": one.consistencygroup_id, "to": target, "size": one.size}


def _group(session: Session, group_id: str, context: RequestContext) -> records.ConsistencyGroup:
    try:
        return consistencygroup.lock(session, group_id, context.scope)
    except NotFound:
        raise NotFound(f"Consistency group {group_id} could not be found.") from None


def _check_disjoint(add_volumes: list[str], remove_volumes: list[str]) -> None:
    both = [volume_id for volume_id in add_volumes if volume_id in remove_volumes]
    if both:
        raise InvalidInput(f"UUIDs {', '.join(both)} are in both add and remove volume list.", "add_volumes")


def _added(session: Session, group: records.ConsistencyGroup, ids: list[str]) -> list[records.Volume]:
    """Return the volumes that become members, without those that are members already."""
    found = [_named(session, group, "add", id_) for id_ in ids]
    new = [one for one in found if one.consistencygroup_id != group.id]
    for one in new:
        refusal = _why_not_added(session, group, one)
        if refusal is not None:
            raise _refused(group, "add", one.id, refusal)
        _check_free(session, one)
    return new


def _why_not_added(session: Session, group: records.ConsistencyGroup, one: records.Volume) -> str | None:
    if one.consistencygroup_id is not None:
        return f"it is already in consistency group {one.consistencygroup_id}. Remove it from there first."
    if one.volume_type_id is None:
        return "it has no volume type."
    if one.volume_type_id not in group.volume_type_ids:
        name = volume_type.get(session, one.volume_type_id).name
        return f"volume type {name} is not supported by the group."
    if one.status not in ADDABLE:
        return _bad_state(one, ADDABLE)
    if one.host != group.host:
        return f"Volume is not local to this node. It is on {one.host}, the group on {group.host}."
    return None


def _removed(session: Session, group: records.ConsistencyGroup, ids: list[str]) -> list[records.Volume]:
    found = [_named(session, group, "remove", id_) for id_ in ids]
    for one in found:
        if one.consistencygroup_id != group.id:
            raise _refused(group, "remove", one.id, "it is not in the group.")
        if one.status not in REMOVABLE:
            raise _refused(group, "remove", one.id, _bad_state(one, REMOVABLE))
        copies = [copy for copy in snapshot.of_volumes(session, [one.id]) if copy.cgsnapshot_id is not None]
        if copies:
            raise _refused(
                group,
                "remove",
                one.id,
                f"cgsnapshot {copies[0].cgsnapshot_id} has a copy of it, and cgsnapshots stay whole. "
                "Delete the cgsnapshots that it is in first.",
            )
        _check_free(session, one)
    return found


def _named(session: Session, group: records.ConsistencyGroup, verb: str, volume_id: str) -> records.Volume:
    try:
        # A group and its members belong to the same project, whoever the caller is.
        return volume.lock(session, volume_id, group.project_id)
    except NotFound:
        refusal = "volume cannot be found." if verb == "add" else "it is not in the group."
        raise _refused(group, verb, volume_id, refusal) from None


def _check_free(session: Session, one: records.Volume) -> None:
    if one.claimed_by is not None:
        raise Busy(volume.REPOSITORY.busy_message(session, one.id, one.claimed_by))


def _bad_state(one: records.Volume, valid: tuple[Status, ...]) -> str:
    states = ", ".join(f"'{status}'" for status in valid)
    return f"volume is in an invalid state: {one.status}. Valid states are: ({states})."


def _refused(group: records.ConsistencyGroup, verb: str, volume_id: str, why: str) -> InvalidInput:
    preposition = "to" if verb == "add" else "from"
    return InvalidInput(
        f"Invalid volume: Cannot {verb} volume {volume_id} {preposition} consistency group {group.id} "
        f"because {why}",
        f"{verb}_volumes",
    )
