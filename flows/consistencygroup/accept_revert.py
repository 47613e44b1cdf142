"""Acceptance of restoring a consistency group to one of its cgsnapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.context import RequestContext
from cgflow.db.repositories import cgsnapshot, snapshot
from cgflow.errors import Busy, InvalidInput, InvalidState, NotFound
from cgflow.quota import deltas
from cgflow.status import Status
from flows.cgsnapshot.required_cut_level import required_cut_level
from flows.consistencygroup.accept import find
from flows.consistencygroup.members import check_ready, living_members
from flows.runtime import Accepted, Runtime, accepting, new_id
from flows.tasks.driver import as_source


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
        group = find(session, group_id, context)
        volumes = living_members(session, group.id)
        check_ready(
            session,
            group,
            volumes,
            empty=f"Invalid ConsistencyGroup: Consistency group {group.id} is empty. Nothing is put back.",
        )
        _check_unused(volumes)
        whole = _cgsnapshot(session, group, cgsnapshot_id, context)
        copies = snapshot.of_cgsnapshot(session, whole.id)
        _check_copies(session, copies)
        _check_members(whole, volumes, copies)
        new: list[dict[str, str]] = []
        symbols: dict[str, Any] = {}
        cut_id = new_id()
        if safety is not None:
            new = [{"volume_id": one.id, "snapshot_id": new_id()} for one in volumes]
            symbols = _of_safety(session, context, group, volumes, new, cut_id, safety)
        held = {"cgsnapshot": [whole.id], "snapshot": [copy.id for copy in copies]}
        accepted = acceptance.flow(
            "consistencygroup.revert",
            resource=("consistencygroup", group.id),
            group_id=group.id,
            shape={"members": new},
            symbols={
                "host": group.host,
                "sources": [as_source(copy.spec()) for copy in copies],
                **symbols,
            },
            claims={
                "consistencygroup": [group.id],
                "volume": [one.id for one in volumes],
                "cgsnapshot": [*held["cgsnapshot"], *([cut_id] if new else [])],
                "snapshot": [*held["snapshot"], *(member["snapshot_id"] for member in new)],
            },
            deltas=deltas.for_snapshots(
                [(one.size, one.volume_type_name) for one in volumes if new],
                no_snapshot_gb_quota=runtime.settings.no_snapshot_gb_quota,
            ),
        )
        acceptance.claim("consistencygroup", Status.REVERTING)
        acceptance.claim("volume", Status.REVERTING)
        for noun, ids in held.items():
            acceptance.claim(noun, ids=ids)
    return accepted


def _of_safety(
    session: Session,
    context: RequestContext,
    group: records.ConsistencyGroup,
    volumes: list[records.Volume],
    members: list[dict[str, str]],
    cut_id: str,
    named: Mapping[str, str | None],
) -> dict[str, Any]:
    """Return the symbols of the safety cgsnapshot. It belongs to the group's project, not the caller's."""
    return {
        "members": members,
        "cut_id": cut_id,
        "source_group_id": group.id,
        "sizes": [one.size for one in volumes],
        "level": required_cut_level(session, group, len(volumes)).value,
        "safety": {
            "name": named.get("name"),
            "description": named.get("description"),
            "consistencygroup_id": group.id,
            "user_id": context.user_id,
            "project_id": group.project_id,
        },
    }


def _cgsnapshot(
    session: Session, group: records.ConsistencyGroup, cgsnapshot_id: str, context: RequestContext
) -> records.Cgsnapshot:
    try:
        whole = cgsnapshot.lock(session, cgsnapshot_id, context.scope)
    except NotFound:
        raise NotFound(f"Cgsnapshot could not be found: {cgsnapshot_id}.") from None
    if whole.consistencygroup_id != group.id:
        raise InvalidInput(
            f"Invalid cgsnapshot: Cgsnapshot {whole.id} is of consistency group {whole.consistencygroup_id}. "
            f"Group {group.id} can be put back to its own alone.",
            "cgsnapshot_id",
        )
    if whole.claimed_by is not None:
        raise Busy(cgsnapshot.REPOSITORY.busy_message(session, whole.id, whole.claimed_by))
    if whole.status is not Status.AVAILABLE:
        raise InvalidState(
            f"Invalid cgsnapshot: Cgsnapshot {whole.id} must be available to put the group back to, "
            f"but its status is: {whole.status}."
        )
    return whole


def _check_unused(volumes: list[records.Volume]) -> None:
    for one in volumes:
        if one.attachments or one.status is not Status.AVAILABLE:
            raise InvalidState(
                f"Invalid volume: Member {one.id} is in use (its status is {one.status}), and what it holds "
                "would change underneath its user. Detach it first."
            )


def _check_copies(session: Session, copies: list[records.Snapshot]) -> None:
    for copy in copies:
        if copy.claimed_by is not None:
            raise Busy(snapshot.REPOSITORY.busy_message(session, copy.id, copy.claimed_by))
        if copy.status is not Status.AVAILABLE:
            raise InvalidState(
                f"Invalid snapshot: Snapshot {copy.id} must be available to put the group back to, "
                f"but its status is: {copy.status}."
            )


def _check_members(
    whole: records.Cgsnapshot, volumes: list[records.Volume], copies: list[records.Snapshot]
) -> None:
    """Raise InvalidState unless the group's members are exactly those of the cgsnapshot."""
    members, copied = {one.id for one in volumes}, {copy.volume_id for copy in copies}
    added, gone = sorted(members - copied), sorted(copied - members)
    if added:
        raise InvalidState(
            f"Invalid ConsistencyGroup: Cgsnapshot {whole.id} was taken before {', '.join(added)} came into "
            "the group, and holds no copy of it: the group would not be of one instant. Take it out of the "
            "group first, or make a new group from the cgsnapshot."
        )
    if gone:
        raise InvalidState(
            f"Invalid ConsistencyGroup: Cgsnapshot {whole.id} holds copies of {', '.join(gone)}, which is "
            "not in the group any more. Make a new group from the cgsnapshot."
        )
