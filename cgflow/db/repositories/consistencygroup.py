"""Consistency groups, which the newer API calls groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import ConsistencyGroup, ConsistencyGroupType, Volume
from cgflow.db.repositories.resource import ResourceRepository

REPOSITORY: ResourceRepository[records.ConsistencyGroup] = ResourceRepository(
    ConsistencyGroup,
    "Consistency group",
    "ConsistencyGroup {id} could not be found.",
    ("availability_zone", "group_type_id", "host", "cgsnapshot_id"),
)
get, lock, page = REPOSITORY.get, REPOSITORY.lock, REPOSITORY.page

_CREATED_FROM = REPOSITORY.select_where(ConsistencyGroup.cgsnapshot_id == bindparam("cgsnapshot_id"))

GROUP_REPOSITORY: ResourceRepository[records.ConsistencyGroup] = ResourceRepository(
    ConsistencyGroup,
    "Group",
    "Group {id} could not be found.",
    ("availability_zone", "group_type_id", "host", "cgsnapshot_id"),
)
get_group, page_groups = GROUP_REPOSITORY.get, GROUP_REPOSITORY.page


def add(session: Session, volume_type_ids: list[str], **columns: Any) -> None:
    """Insert a group and the volume types that its members may have, in order."""
    REPOSITORY.add(session, columns)
    session.execute(
        insert(ConsistencyGroupType),
        [
            {"consistencygroup_id": columns["id"], "volume_type_id": type_id, "position": position}
            for position, type_id in enumerate(volume_type_ids)
        ],
    )


def groups_created_from(session: Session, cgsnapshot_id: str) -> list[records.ConsistencyGroup]:
    """Return the live groups that were made, or are being made, from a cgsnapshot."""
    return REPOSITORY.fetch(session, _CREATED_FROM, cgsnapshot_id=cgsnapshot_id)


def member_ids(session: Session, group_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the ids of the live members of each group, the oldest first."""
    living = select(Volume.consistencygroup_id, Volume.id).where(
        Volume.consistencygroup_id.in_(group_ids), ~Volume.deleted
    )
    found: dict[str, list[str]] = defaultdict(list)
    for group_id, id_ in session.execute(living.order_by(Volume.created_at, Volume.id)):
        found[str(group_id)].append(id_)
    return found
