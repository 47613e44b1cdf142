"""Consistency groups."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import ConsistencyGroup, ConsistencyGroupType
from cgflow.db.repositories.resource import ResourceRepository

REPOSITORY: ResourceRepository[records.ConsistencyGroup] = ResourceRepository(
    ConsistencyGroup,
    "Consistency group",
    "ConsistencyGroup {id} could not be found.",
    ("availability_zone", "group_type_id", "host", "cgsnapshot_id"),
)
get, lock, page = REPOSITORY.get, REPOSITORY.lock, REPOSITORY.page


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


def made_from(session: Session, cgsnapshot_id: str) -> list[records.ConsistencyGroup]:
    """Return the live groups that were made, or are being made, from a cgsnapshot."""
    return REPOSITORY.where(session, ConsistencyGroup.cgsnapshot_id == cgsnapshot_id)
