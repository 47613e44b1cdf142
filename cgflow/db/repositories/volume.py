"""Volumes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import Volume
from cgflow.db.repositories.resource import Rows

ROWS: Rows[records.Volume] = Rows(
    Volume,
    "Volume",
    "Volume {id} could not be found.",
    ("availability_zone", "consistencygroup_id", "volume_type_id", "consumes_quota"),
    flags=("bootable",),
    metadata="volume_metadata",
)
get, lock, page = ROWS.get, ROWS.lock, ROWS.page


def members_of(session: Session, group_id: str) -> list[records.Volume]:
    """Return the living members of a consistency group, the oldest first."""
    return ROWS.where(session, Volume.consistencygroup_id == group_id)


def summary(session: Session, scope: str | None) -> tuple[int, int]:
    """Return how many living volumes a project has, or all have, and how many GiB they are together."""
    query = _in_scope(select(func.count(Volume.id), func.coalesce(func.sum(Volume.size), 0)), scope)
    count, size = session.execute(query).one()
    return count, int(size)


def metadata_values(session: Session, scope: str | None) -> dict[str, list[str]]:
    """Return the different values that each key of the volumes' metadata has, in order."""
    found: dict[str, set[str]] = {}
    for metadata in session.scalars(_in_scope(select(Volume.volume_metadata), scope)):
        for key, value in metadata.items():
            found.setdefault(key, set()).add(value)
    return {key: sorted(values) for key, values in sorted(found.items())}


def _in_scope(query: Any, scope: str | None) -> Any:
    living = query.where(~Volume.deleted)
    return living if scope is None else living.where(Volume.project_id == scope)
