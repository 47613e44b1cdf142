"""Cgsnapshots: the consistent points in time of a consistency group."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import records
from cgflow.db.models.base import ID, Base, ResourceColumns


class Cgsnapshot(ResourceColumns, Base):
    """One consistent point in time; its members are rows of ``snapshots``."""

    __tablename__ = "cgsnapshots"
    __table_args__ = (Index(None, "project_id", "deleted", "created_at"),)

    consistencygroup_id: Mapped[str] = mapped_column(ID, ForeignKey("consistencygroups.id"), index=True)
    evidence: Mapped[dict[str, Any] | None]

    def to_record(self) -> records.Cgsnapshot:
        """Return the frozen record of this row."""
        return records.Cgsnapshot(
            **self.common(), consistencygroup_id=self.consistencygroup_id, evidence=self.evidence
        )
