"""Acceptance of creating a consistency group from a cgsnapshot or from another group."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.repositories import cgsnapshot, consistencygroup, snapshot, volume, volume_type
from cgflow.errors import InvalidInput, InvalidState
from cgflow.quota import deltas
from cgflow.status import Status
from flows.cgsnapshot.required_cut_level import required_cut_level
from flows.consistencygroup.members import check_ready, living_members
from flows.runtime import Acceptance, Accepted, Runtime, accepting, new_id


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
    words = {"name": name, "description": description}
    if cgsnapshot_id and source_cgid:
        raise InvalidInput(
            "Cannot provide both 'cgsnapshot_id' and 'source_cgid' to create consistency group "
            f"{name} from source.",
            "source_cgid",
        )
    with accepting(runtime, context) as acceptance:
        if cgsnapshot_id:
            return _from_cgsnapshot(acceptance, cgsnapshot_id, words)
        if source_cgid:
            return _from_group(acceptance, source_cgid, words)
    raise InvalidInput(
        "Either 'cgsnapshot_id' or 'source_cgid' must be provided to create consistency group "
        f"{name} from source.",
        "cgsnapshot_id",
    )


def groups_created_from(session: Session, cgsnapshot_id: str) -> list[records.ConsistencyGroup]:
    """Return the groups being created from a cgsnapshot, also those whose rollback has left something."""
    made = consistencygroup.created_from(session, cgsnapshot_id)
    return [
        one
        for one in made
        if one.claimed_by is not None and not one.consumes_quota and one.status is not Status.DELETING
    ]


def _from_cgsnapshot(acceptance: Acceptance, cgsnapshot_id: str, words: dict[str, str | None]) -> Accepted:
    session = acceptance.session
    whole = cgsnapshot.lock(session, cgsnapshot_id, acceptance.context.scope)
    if whole.status is not Status.AVAILABLE:
        raise InvalidState(
            "Invalid CgSnapshot: Originating CGSNAPSHOT status must be one of 'available' values, "
            f"but current status is: {whole.status}."
        )
    copies = snapshot.of_cgsnapshot(session, whole.id)
    if not copies:
        raise InvalidState(
            "Invalid ConsistencyGroup: Cgsnahost is empty. No consistency group will be created."
        )
    for copy in copies:
        if copy.status is not Status.AVAILABLE:
            raise InvalidState(
                "Invalid snapshot: Originating snapshot status must be one of 'available' values, "
                f"but that of snapshot {copy.id} is: {copy.status}."
            )
    source = consistencygroup.get(session, whole.consistencygroup_id, None)
    volumes = {one.id: one for one in volume.members_of(session, source.id)}
    members, copied = [], {}
    for copy in copies:
        if copy.volume_id not in volumes:
            raise InvalidState(
                f"Invalid volume: Volume {copy.volume_id}, of which cgsnapshot {whole.id} has a copy, is by "
                "its record no member of the group that was cut. 'cgflow audit' tells what differs."
            )
        id_ = new_id()
        members.append({"volume_id": copy.volume_id, "snapshot_id": copy.id, "new_id": id_})
        copied[id_] = _inherited_columns(volumes[copy.volume_id]) | {
            "size": copy.size,
            "volume_type_id": copy.volume_type_id,
            "snapshot_id": copy.id,
        }
    counted = [(copy.size, copy.volume_type_name) for copy in copies]
    return _flow(
        acceptance,
        "consistencygroup.create_from_cgsnapshot",
        source,
        symbols={"members": members, "copied": copied, "cut_id": whole.id},
        counted=counted,
        words={**words, "cgsnapshot_id": whole.id},
    )


def _from_group(acceptance: Acceptance, source_cgid: str, words: dict[str, str | None]) -> Accepted:
    session = acceptance.session
    source = consistencygroup.lock(session, source_cgid, acceptance.context.scope)
    sources = living_members(session, source.id)
    check_ready(
        session,
        source,
        sources,
        empty="Invalid ConsistencyGroup: Source CG is empty. No consistency group will be created.",
    )
    members, copied = [], {}
    for one in sources:
        id_ = new_id()
        members.append({"volume_id": one.id, "snapshot_id": new_id(), "new_id": id_})
        kept = {"size": one.size, "volume_type_id": one.volume_type_id, "source_volid": one.id}
        copied[id_] = _inherited_columns(one) | kept
    # The flow cuts the members, so it holds the source group against other operations.
    accepted = _flow(
        acceptance,
        "consistencygroup.create_from_group",
        source,
        symbols={"members": members, "copied": copied, "cut_id": new_id()},
        counted=[(one.size, one.volume_type_name) for one in sources],
        words={**words, "source_cgid": source.id},
        held=[source.id],
    )
    acceptance.claim("consistencygroup", ids=[source.id])
    return accepted


def _flow(
    acceptance: Acceptance,
    operation: str,
    source: records.ConsistencyGroup,
    *,
    symbols: dict[str, Any],
    counted: list[tuple[int, str | None]],
    words: dict[str, str | None],
    held: list[str] | None = None,
) -> Accepted:
    if source.host is None:
        raise InvalidState(f"Invalid ConsistencyGroup: No host to create consistency group {words['name']}.")
    # A project that has lost access to a private type keeps its volumes, but cannot clone them.
    types = [one["volume_type_id"] for one in symbols["copied"].values() if one["volume_type_id"]]
    volume_type.find_many(acceptance.session, [*source.volume_type_ids, *types], acceptance.context)
    group_id = new_id()
    accepted = acceptance.flow(
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
        claims={"consistencygroup": [group_id, *(held or [])], "volume": list(symbols["copied"])},
        deltas=deltas.total(deltas.for_group(), deltas.for_volumes(counted)),
    )
    consistencygroup.add(
        acceptance.session,
        list(source.volume_type_ids),
        **acceptance.new(
            id=group_id,
            availability_zone=source.availability_zone,
            group_type_id=source.group_type_id,
            created_at=clock.now(),
            **words,
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
