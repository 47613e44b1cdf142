"""Acceptance of operations on cgsnapshots."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.repositories import cgsnapshot, consistencygroup, snapshot, volume
from cgflow.drivers.contract.cut_evidence import CutLevel
from cgflow.errors import Busy, InvalidState, NotFound
from cgflow.quota import deltas
from cgflow.status import Status, Trait, statuses_with
from flows.acceptance import Accepted, accepting, new_id
from flows.consistencygroup.accept import groups_being_created_from
from flows.consistencygroup.preconditions import (
    check_can_be_cut,
    existing_members,
    lock_group,
    required_cut_level,
)
from flows.runtime import Runtime

DELETABLE = statuses_with("cgsnapshot", Trait.DELETABLE)


def create(
    runtime: Runtime,
    context: RequestContext,
    *,
    consistencygroup_id: str,
    name: str | None,
    description: str | None,
    level: CutLevel | None = None,
) -> Accepted:
    """Accept to take a cgsnapshot of a group, at ``level`` or a higher level.

    Raises: NotFound, InvalidState, Busy, QuotaExceeded.
    """
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        group = lock_group(session, consistencygroup_id, context)
        volumes = existing_members(session, group.id)
        check_can_be_cut(
            session,
            group,
            volumes,
            empty="Invalid ConsistencyGroup: Consistency group is empty. No cgsnapshot will be created.",
        )
        required = required_cut_level(session, group, len(volumes), level)
        members = [{"volume_id": member.id, "snapshot_id": new_id()} for member in volumes]
        cgsnapshot_id = new_id()
        accepted = acceptance.record_flow(
            "cgsnapshot.create",
            resource=("cgsnapshot", cgsnapshot_id),
            group_id=group.id,
            shape={"members": members},
            symbols={
                "members": members,
                "host": group.host,
                "sizes": [member.size for member in volumes],
                "level": required.value,
            },
            claims={"cgsnapshot": [cgsnapshot_id], "consistencygroup": [group.id]},
            deltas=deltas.for_snapshots(
                [(member.size, member.volume_type_name) for member in volumes],
                no_snapshot_gb_quota=runtime.settings.no_snapshot_gb_quota,
            ),
        )
        acceptance.claim("consistencygroup")
        cgsnapshot.REPOSITORY.add(
            session,
            acceptance.new_resource_columns(
                id=cgsnapshot_id,
                name=name,
                description=description,
                consistencygroup_id=group.id,
                created_at=clock.now(),
            ),
        )
    return accepted


def delete(runtime: Runtime, context: RequestContext, cgsnapshot_id: str) -> Accepted:
    """Accept to delete a cgsnapshot with its members' snapshots. Raises: NotFound, InvalidState, Busy."""
    with accepting(runtime, context) as acceptance:
        session = acceptance.session
        found = _lock_cgsnapshot(session, cgsnapshot_id, context)
        if found.claimed_by is not None and found.status in DELETABLE:
            raise Busy(cgsnapshot.REPOSITORY.busy_message(session, found.id, found.claimed_by))
        if found.status not in DELETABLE:
            raise InvalidState(
                "Invalid cgsnapshot: Cgsnapshot status must be available or error, "
                f"but current status is: {found.status}."
            )
        for clone in groups_being_created_from(session, found.id):
            raise Busy(
                f"Invalid cgsnapshot: Cgsnapshot {found.id} is the source of a group that is being created. "
                + consistencygroup.REPOSITORY.busy_message(session, clone.id, clone.claimed_by)
            )
        group = consistencygroup.lock(session, found.consistencygroup_id, None)
        _check_group_unclaimed(session, group)
        snapshots = snapshot.of_cgsnapshot(session, found.id)
        members = [{"volume_id": one.volume_id, "snapshot_id": one.id} for one in snapshots]
        accepted = acceptance.record_flow(
            "cgsnapshot.delete",
            resource=("cgsnapshot", found.id),
            group_id=group.id,
            shape={"members": members},
            symbols={"members": members, "host": group.host, "deleting": ["snapshot", "cgsnapshot"]},
            claims={
                "cgsnapshot": [found.id],
                "snapshot": [one.id for one in snapshots],
                "consistencygroup": [group.id],
            },
        )
        acceptance.claim("consistencygroup")
        acceptance.claim("cgsnapshot", Status.DELETING)
        acceptance.claim("snapshot", Status.DELETING)
    return accepted


def _lock_cgsnapshot(session: Session, cgsnapshot_id: str, context: RequestContext) -> records.Cgsnapshot:
    try:
        return cgsnapshot.lock(session, cgsnapshot_id, context.scope)
    except NotFound:
        raise NotFound(f"Cgsnapshot could not be found: {cgsnapshot_id}.") from None


def _check_group_unclaimed(session: Session, group: records.ConsistencyGroup) -> None:
    """Raise Busy while a flow holds the group or a member: they allow one operation at a time."""
    if group.claimed_by is not None:
        raise Busy(consistencygroup.REPOSITORY.busy_message(session, group.id, group.claimed_by))
    for member in volume.members_of(session, group.id):
        if member.claimed_by is not None:
            raise Busy(volume.REPOSITORY.busy_message(session, member.id, member.claimed_by))
