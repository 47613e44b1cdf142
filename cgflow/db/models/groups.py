"""Tables of consistency groups, cgsnapshots and group types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ForeignKey, Index, String, bindparam, select, text
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from cgflow import records
from cgflow.db.models.base import ID, NAME, Base, ResourceColumns, SoftDelete

BUILT_IN = "3f1f7a52-5f0c-4d3b-9f0e-6d2b8c4a7e11"
"""The id of ``default_cgsnapshot_type``, the type of every group that is made as a consistency group."""


class GroupSpec(Base):
    """One property of a group type."""

    __tablename__ = "group_type_specs"

    group_type_id: Mapped[str] = mapped_column(ID, ForeignKey("group_types.id"), primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    value: Mapped[str] = mapped_column(String(255))


class GroupType(SoftDelete, Base):
    """A named kind of group; the name is unique among the live types."""

    __tablename__ = "group_types"
    __table_args__ = (
        Index(
            "uq_group_types_name",
            "name",
            unique=True,
            sqlite_where=text("deleted = 0"),
            postgresql_where=text("NOT deleted"),
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    description: Mapped[str | None] = mapped_column(String(255))
    is_public: Mapped[bool] = mapped_column(default=True)
    group_specs: Mapped[list[GroupSpec]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by=GroupSpec.key
    )

    def to_record(self) -> records.GroupType:
        """Return the frozen record of this row."""
        return records.GroupType(
            id=self.id,
            name=self.name,
            description=self.description,
            is_public=self.is_public,
            created_at=self.created_at,
            group_specs={spec.key: spec.value for spec in self.group_specs},
        )


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

    The source, a cgsnapshot or another group, is no foreign key: it may be deleted.
    """

    __tablename__ = "consistencygroups"
    __table_args__ = (Index(None, "project_id", "deleted", "created_at"),)

    availability_zone: Mapped[str] = mapped_column(NAME)
    host: Mapped[str | None] = mapped_column(NAME)
    group_type_id: Mapped[str] = mapped_column(ID, default=BUILT_IN, nullable=True)
    cgsnapshot_id: Mapped[str | None] = mapped_column(ID)
    source_cgid: Mapped[str | None] = mapped_column(ID)
    children = (
        select(
            ConsistencyGroupType.consistencygroup_id.label("parent_id"), ConsistencyGroupType.volume_type_id
        )
        .where(ConsistencyGroupType.consistencygroup_id.in_(bindparam("ids", expanding=True)))
        .order_by(ConsistencyGroupType.position)
    )

    @classmethod
    def to_record(cls, row: Any, volume_types: Sequence[Any] = ()) -> records.ConsistencyGroup:
        """Return the frozen record of a group that supports these volume types."""
        return records.ConsistencyGroup(
            **cls.common(row),
            availability_zone=row.availability_zone,
            host=row.host,
            group_type_id=row.group_type_id,
            cgsnapshot_id=row.cgsnapshot_id,
            source_cgid=row.source_cgid,
            volume_type_ids=tuple(volume_type.volume_type_id for volume_type in volume_types),
        )


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

    @classmethod
    def to_record(cls, row: Any, _children: Sequence[Any] = ()) -> records.Cgsnapshot:
        """Return the frozen record of a cgsnapshot."""
        return records.Cgsnapshot(
            **cls.common(row),
            consistencygroup_id=row.consistencygroup_id,
            group_type_id=row.group_type_id,
            evidence=row.evidence,
        )
