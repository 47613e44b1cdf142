"""Volumes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import String, bindparam, case, cast, exists, func, null, select
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import Attachment, Volume
from cgflow.db.repositories import transfer
from cgflow.db.repositories.resource import ResourceRepository
from cgflow.errors import NotFound
from cgflow.status import Status

_IDS_PER_STATEMENT = 500
"""Ids in one statement: databases limit the number of parameters."""


class _VolumeRepository(ResourceRepository[records.Volume]):
    """The repository of volumes. It closes a volume's transfer offer when the volume stops awaiting transfer.

    Otherwise the offer could outlast a change of the volume's owner.
    """

    def update_unclaimed(self, session: Session, id: str, **columns: object) -> None:  # noqa: A002
        super().update_unclaimed(session, id, **columns)
        if columns.get("status", Status.AWAITING_TRANSFER) != Status.AWAITING_TRANSFER:
            transfer.close_offers_of(session, [id])

    def claim(self, session: Session, ids: Collection[str], flow_id: str, status: Status | None) -> None:
        super().claim(session, ids, flow_id, status)
        if status is not None:
            transfer.close_offers_of(session, ids)


_IS_ATTACHED = exists(
    select(Attachment.id).where(
        Attachment.volume_id == Volume.id, ~Attachment.deleted, Attachment.attached_at.is_not(None)
    )
)

REPOSITORY: ResourceRepository[records.Volume] = _VolumeRepository(
    Volume,
    "Volume",
    "Volume {id} could not be found.",
    (
        "size",
        "availability_zone",
        "consistencygroup_id",
        "volume_type_id",
        "snapshot_id",
        "source_volid",
        "host",
        "consumes_quota",
    ),
    flags=("bootable",),
    metadata="volume_metadata",
    expressions={
        "attach_status": case((_IS_ATTACHED, "attached"), else_="detached"),
        "migration_status": cast(null(), String),
    },
)
get, lock, page = REPOSITORY.get, REPOSITORY.lock, REPOSITORY.page

_MEMBERS = REPOSITORY.select_where(Volume.consistencygroup_id == bindparam("group_id"))


def lock_if_living(session: Session, id: str) -> records.Volume | None:  # noqa: A002 - the API's name
    """Return a volume of any project, locked; None if it is deleted."""
    try:
        return lock(session, id, None)
    except NotFound:
        return None


def unknown_ids(session: Session, ids: Collection[str]) -> set[str]:
    """Return those of these ids that no volume, live or deleted, has."""
    unknown, left = set(ids), sorted(ids)
    for start in range(0, len(left), _IDS_PER_STATEMENT):
        some = left[start : start + _IDS_PER_STATEMENT]
        unknown -= set(session.scalars(select(Volume.id).where(Volume.id.in_(some))))
    return unknown


def members_of(session: Session, group_id: str) -> list[records.Volume]:
    """Return the live members of a consistency group, the oldest first."""
    return REPOSITORY.fetch(session, _MEMBERS, group_id=group_id)


def count_and_total_size(session: Session, scope: str | None) -> tuple[int, int]:
    """Return the number of live volumes of a project, or of all, and their total size in GiB."""
    query = _live_in_scope(select(func.count(Volume.id), func.coalesce(func.sum(Volume.size), 0)), scope)
    count, size = session.execute(query).one()
    return count, int(size)


def metadata_values(session: Session, scope: str | None) -> dict[str, list[str]]:
    """Return the distinct values of each key of the volumes' metadata, in order."""
    found: dict[str, set[str]] = {}
    for metadata in session.scalars(_live_in_scope(select(Volume.volume_metadata), scope)):
        for key, value in metadata.items():
            found.setdefault(key, set()).add(value)
    return {key: sorted(values) for key, values in sorted(found.items())}


def _live_in_scope(query: Any, scope: str | None) -> Any:
    living = query.where(~Volume.deleted)
    return living if scope is None else living.where(Volume.project_id == scope)
