"""Group snapshots: the cgsnapshots under the name that they have in later words."""

from __future__ import annotations

from cgflow import records
from cgflow.db.models import Cgsnapshot
from cgflow.db.repositories.resource import Rows

ROWS: Rows[records.Cgsnapshot] = Rows(
    Cgsnapshot, "Group snapshot", "GroupSnapshot {id} could not be found.", ("consistencygroup_id",)
)
get, page = ROWS.get, ROWS.page
