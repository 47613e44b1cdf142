"""Groups: consistency groups under the name of the newer API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import ConsistencyGroup, Volume
from cgflow.db.repositories.resource import ResourceRepository

REPOSITORY: ResourceRepository[records.ConsistencyGroup] = ResourceRepository(
    ConsistencyGroup,
    "Group",
    "Group {id} could not be found.",
    ("availability_zone", "group_type_id", "host", "cgsnapshot_id"),
)
get, page = REPOSITORY.get, REPOSITORY.page


def member_ids(session: Session, group_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the ids of the live members of each group, the oldest first."""
    living = select(Volume.consistencygroup_id, Volume.id).where(
        Volume.consistencygroup_id.in_(group_ids), ~Volume.deleted
    )
    found: dict[str, list[str]] = defaultdict(list)
    for group_id, id_ in session.execute(living.order_by(Volume.created_at, Volume.id)):
        found[str(group_id)].append(id_)
    return found
