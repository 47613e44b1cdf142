"""Cgsnapshots, which the newer API calls group snapshots."""

from __future__ import annotations

from sqlalchemy import bindparam, func
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import Cgsnapshot
from cgflow.db.repositories.resource import ResourceRepository

REPOSITORY: ResourceRepository[records.Cgsnapshot] = ResourceRepository(
    Cgsnapshot, "Cgsnapshot", "CgSnapshot {id} could not be found.", ("consistencygroup_id",)
)
get, lock, page = REPOSITORY.get, REPOSITORY.lock, REPOSITORY.page

_OF_GROUP = REPOSITORY.select_where(Cgsnapshot.consistencygroup_id == bindparam("group_id"))

GROUP_SNAPSHOT_REPOSITORY: ResourceRepository[records.Cgsnapshot] = ResourceRepository(
    Cgsnapshot,
    "Group snapshot",
    "GroupSnapshot {id} could not be found.",
    ("consistencygroup_id",),
    expressions={"group_type_id": func.coalesce(Cgsnapshot.group_type_id, "")},
)
get_group_snapshot, page_group_snapshots = GROUP_SNAPSHOT_REPOSITORY.get, GROUP_SNAPSHOT_REPOSITORY.page


def find(session: Session, id: str) -> records.Cgsnapshot | None:  # noqa: A002 - the API's name
    """Return the live cgsnapshot with this id, or None: an administrator may have removed it by hand."""
    return next(iter(REPOSITORY.list_by_ids(session, [id])), None)


def of_group(session: Session, group_id: str) -> list[records.Cgsnapshot]:
    """Return the live cgsnapshots of a consistency group, the oldest first."""
    return REPOSITORY.fetch(session, _OF_GROUP, group_id=group_id)
