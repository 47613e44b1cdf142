"""Volumes."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import Volume
from cgflow.db.repositories.resource import Rows

ROWS: Rows[records.Volume] = Rows(
    Volume,
    "Volume",
    "Volume {id} could not be found.",
    ("availability_zone", "consistencygroup_id", "volume_type_id"),
)
get, lock, page = ROWS.get, ROWS.lock, ROWS.page


def members_of(session: Session, group_id: str) -> list[records.Volume]:
    """Return the living members of a consistency group, the oldest first."""
    return ROWS.where(session, Volume.consistencygroup_id == group_id)
