"""Group snapshots: cgsnapshots under the name of the newer API."""

from __future__ import annotations

from sqlalchemy import func

from cgflow import records
from cgflow.db.models import Cgsnapshot
from cgflow.db.repositories.resource import ResourceRepository

REPOSITORY: ResourceRepository[records.Cgsnapshot] = ResourceRepository(
    Cgsnapshot,
    "Group snapshot",
    "GroupSnapshot {id} could not be found.",
    ("consistencygroup_id",),
    expressions={"group_type_id": func.coalesce(Cgsnapshot.group_type_id, "")},
)
get, page = REPOSITORY.get, REPOSITORY.page
