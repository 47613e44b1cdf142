"""Consistency groups and the volume types that their members may have."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cgflow import records
from cgflow.db.models.base import ID, NAME, Base, ResourceColumns


class ConsistencyGroupType(Base):
    """One volume type that a group supports."""

    __tablename__ = "consistencygroup_volume_types"

    consistencygroup_id: Mapped[str] = mapped_column(ID, ForeignKey("consistencygroups.id"), primary_key=True)
    volume_type_id: Mapped[str] = mapped_column(
        ID, ForeignKey("volume_types.id"), primary_key=True, index=True
    )
    position: Mapped[int]


class ConsistencyGroup(ResourceColumns, Base):
    """Volumes that share one point in time, all on one backend."""

    __tablename__ = "consistencygroups"
    __table_args__ = (Index(None, "project_id", "deleted", "created_at"),)

    availability_zone: Mapped[str] = mapped_column(NAME)
    host: Mapped[str | None] = mapped_column(NAME)
    types: Mapped[list[ConsistencyGroupType]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by=ConsistencyGroupType.position
    )

    def to_record(self) -> records.ConsistencyGroup:
        """Return the frozen record of this row."""
        return records.ConsistencyGroup(
            **self.common(),
            availability_zone=self.availability_zone,
            host=self.host,
            volume_type_ids=tuple(t.volume_type_id for t in self.types),
        )
