"""Acceptance of operations on consistency groups."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.models.groups import BUILT_IN
from cgflow.db.repositories import (
    cgsnapshot,
    consistencygroup,
    group_type,
    snapshot,
    volume,
    volume_type,
)
from cgflow.errors import Busy, InvalidInput, InvalidState, NotFound
from cgflow.quota import deltas
from cgflow.status import Status, Trait, statuses_with
from flows.availability_zones import check_zone
from flows.runtime import Accepted, Runtime, accepting, new_id

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
        of_kind = _kind(session, context, kind or BUILT_IN)
        types = volume_type.find_many(session, volume_types, context)
        zone = check_zone(session, runtime.settings, availability_zone, types)
        group_id = new_id()
        accepted = acceptance.flow(
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
            **acceptance.new(
                id=group_id,
                name=name,
                description=description,
                availability_zone=zone,
                group_type_id=of_kind.id,
                created_at=clock.now(),
            ),
        )
    return accepted


def delete(
    runtime: Runtime, context: RequestContext, group_id: str, *, force: bool, flag: str = "force"
) -> Accepted:
    """Accept to delete a group, with its members if ``force``; ``flag`` is the name of ``force`` on the wire.

    Raises: NotFound, InvalidState, Busy.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        group = find(session, group_id, context)
        members = volume.members_of(session, group.id)
        _check_deletable(session, group, members, force, flag)
        shape = {"members": [{"volume_id": member.id} for member in members], "is_placed": bool(group.host)}
        accepted = acceptance.flow(
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


def find(session: Session, group_id: str, context: RequestContext) -> records.ConsistencyGroup:
    """Return the group, locked. Raises: NotFound, with the message that clients expect."""
    try:
        return consistencygroup.lock(session, group_id, context.scope)
    except NotFound:
        raise NotFound(f"Consistency group could not be found: {group_id}.") from None


def _kind(session: Session, context: RequestContext, wanted: str) -> records.GroupType:
    """Return the group type. Raises: InvalidInput, if it requires replication, which is not supported."""
    kind = group_type.find(session, wanted, private=context.is_admin)
    for spec in REPLICATION:
        if kind.group_specs.get(spec, "").replace(" ", "").lower() == "<is>true":
            raise InvalidInput(
                f"Group type {kind.name} asks for replication ({spec}), which is not offered.", "group_type"
            )
    return kind


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
