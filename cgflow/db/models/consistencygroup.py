"""Consistency groups and the volume types that their members may have."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cgflow import records
from cgflow.db.models.base import ID, NAME, Base, ResourceColumns
from cgflow.db.models.group_type import BUILT_IN


class ConsistencyGroupType(Base):
    """One volume type that a group supports."""

    __tablename__ = "consistencygroup_volume_types"

    consistencygroup_id: Mapped[str] = mapped_column(ID, ForeignKey("consistencygroups.id"), primary_key=True)
    volume_type_id: Mapped[str] = mapped_column(
        ID, ForeignKey("volume_types.id"), primary_key=True, index=True
    )
    position: Mapped[int]


class ConsistencyGroup(ResourceColumns, Base):
    """Volumes that share one point in time, all on one backend.

    What it was made from, a cgsnapshot or another group, is told, not referred to: it may be gone.
    """

    __tablename__ = "consistencygroups"
    __table_args__ = (Index(None, "project_id", "deleted", "created_at"),)

    availability_zone: Mapped[str] = mapped_column(NAME)
    host: Mapped[str | None] = mapped_column(NAME)
    group_type_id: Mapped[str] = mapped_column(ID, default=BUILT_IN, nullable=True)
    cgsnapshot_id: Mapped[str | None] = mapped_column(ID)
    source_cgid: Mapped[str | None] = mapped_column(ID)
    types: Mapped[list[ConsistencyGroupType]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by=ConsistencyGroupType.position
    )

    def to_record(self) -> records.ConsistencyGroup:
        """Return the frozen record of this row."""
        return records.ConsistencyGroup(
            **self.common(),
            availability_zone=self.availability_zone,
            host=self.host,
            group_type_id=self.group_type_id,
            cgsnapshot_id=self.cgsnapshot_id,
            source_cgid=self.source_cgid,
            volume_type_ids=tuple(t.volume_type_id for t in self.types),
        )
