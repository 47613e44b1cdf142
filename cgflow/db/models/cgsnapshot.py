"""Cgsnapshots: the consistent points in time of a consistency group."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, column_property, mapped_column

from cgflow import records
from cgflow.db.models.base import ID, Base, ResourceColumns
from cgflow.db.models.consistencygroup import ConsistencyGroup


class Cgsnapshot(ResourceColumns, Base):
    """One consistent point in time; its members are rows of ``snapshots``."""

    __tablename__ = "cgsnapshots"
    __table_args__ = (Index(None, "project_id", "deleted", "created_at"),)

    consistencygroup_id: Mapped[str] = mapped_column(ID, ForeignKey("consistencygroups.id"), index=True)
    evidence: Mapped[dict[str, Any] | None]
    group_type_id: Mapped[str] = column_property(
        select(ConsistencyGroup.group_type_id)
        .where(ConsistencyGroup.id == consistencygroup_id)
        .correlate_except(ConsistencyGroup)
        .scalar_subquery()
    )

    def to_record(self) -> records.Cgsnapshot:
        """Return the frozen record of this row."""
        return records.Cgsnapshot(
            **self.common(),
            consistencygroup_id=self.consistencygroup_id,
            group_type_id=self.group_type_id,
            evidence=self.evidence,
        )
