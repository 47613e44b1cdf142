"""The source of a new volume: none, a snapshot, or another volume."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.context import RequestContext
from cgflow.db.repositories import snapshot, volume
from cgflow.drivers.contract import SnapshotSpec
from cgflow.errors import Busy, InvalidInput, InvalidState
from cgflow.status import Status, Trait, statuses_with
from flows.acceptance import new_id
from flows.tasks.driver import snapshot_as_symbol
from flows.volume.preconditions import require_unclaimed_group


@dataclass(frozen=True)
class Source:
    """A source as acceptance needs it.

    ``claims`` lists the ids that the flow has to hold, by resource type. ``size`` is in GiB, the
    minimum for the new volume. ``columns`` belong to the new record.
    """

    operation: str = "volume.create"
    shape: dict[str, object] = field(default_factory=dict)
    symbols: dict[str, object] = field(default_factory=dict)
    claims: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, object] = field(default_factory=dict)
    size: int | None = None
    host: str | None = None
    volume_type_id: str | None = None


def find_source(
    session: Session, context: RequestContext, snapshot_id: str | None, source_volid: str | None
) -> Source:
    """Return the source that a request names. Raises: InvalidInput, NotFound, InvalidState, Busy."""
    if snapshot_id is not None and source_volid is not None:
        raise InvalidInput("Invalid input received: Name a snapshot_id or a source_volid, not both.")
    if snapshot_id is not None:
        return _source_from_snapshot(session, snapshot.lock(session, snapshot_id, context.scope))
    if source_volid is not None:
        return _source_from_volume(session, volume.lock(session, source_volid, context.scope))
    return Source()


def size_of_new_volume(requested: int | None, source: Source) -> int:
    """Return the size of the new volume in GiB; by default, the source's size. Raises: InvalidInput."""
    size = requested if requested is not None else source.size
    if size is None:
        raise InvalidInput("Invalid input for field 'size': A volume without a source needs a size.", "size")
    if source.size is not None and size < source.size:
        raise InvalidInput(
            f"Invalid input received: Volume size '{size}'GB cannot be smaller than "
            f"the {source.size}GB of its source.",
            "size",
        )
    return size


def _source_from_snapshot(session: Session, found: records.Snapshot) -> Source:
    if found.claimed_by is not None:
        raise Busy(snapshot.REPOSITORY.busy_message(session, found.id, found.claimed_by))
    if found.status is not Status.AVAILABLE:
        raise InvalidState(
            f"Invalid snapshot: Originating snapshot status must be one of 'available' values, "
            f"but current status is: {found.status}."
        )
    return Source(
        operation="volume.create_from_snapshot",
        symbols={"source": snapshot_as_symbol(found.spec())},
        claims={"snapshot": [found.id]},
        columns={"snapshot_id": found.id, **_inherited_columns(volume.get(session, found.volume_id, None))},
        size=found.size,
        host=found.host,
        volume_type_id=found.volume_type_id,
    )


def _source_from_volume(session: Session, found: records.Volume) -> Source:
    if found.claimed_by is not None:
        raise Busy(volume.REPOSITORY.busy_message(session, found.id, found.claimed_by))
    if found.status not in statuses_with("volume", Trait.USABLE):
        raise InvalidState(
            f"Invalid volume: Source volume status must be available or in-use, "
            f"but current status is: {found.status}."
        )
    require_unclaimed_group(session, found)
    snapshot_id = new_id()
    temporary = SnapshotSpec(
        id=snapshot_id, volume_id=found.id, cgsnapshot_id=snapshot_id, group_id=found.consistencygroup_id
    )
    member = {
        "volume_id": found.id,
        "snapshot_id": snapshot_id,
        # The steps that cut expect these symbols.
        "resource_id": snapshot_id,
        "group_id": found.consistencygroup_id,
    }
    return Source(
        operation="volume.create_from_volume",
        shape={"copy": member},
        symbols={
            "source": snapshot_as_symbol(temporary),
            "members": [{"volume_id": found.id, "snapshot_id": snapshot_id}],
        },
        claims={"volume": [found.id]},
        columns={"source_volid": found.id, **_inherited_columns(found)},
        size=found.size,
        host=found.host,
        volume_type_id=found.volume_type_id,
    )


def _inherited_columns(source: records.Volume) -> dict[str, object]:
    """Return the columns that a new volume takes over from its source: those about booting."""
    return {"bootable": source.bootable, "image_metadata": source.image_metadata}
