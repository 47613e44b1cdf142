"""Group types and their group specs."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cgflow import records
from cgflow.db.models.base import ID, NAME, Base, SoftDelete

BUILT_IN = "3f1f7a52-5f0c-4d3b-9f0e-6d2b8c4a7e11"
"""The id of ``default_cgsnapshot_type``, the type of every group that is made as a consistency group."""


class GroupSpec(Base):
    """One property of a group type."""

    __tablename__ = "group_type_specs"

    group_type_id: Mapped[str] = mapped_column(ID, ForeignKey("group_types.id"), primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    value: Mapped[str] = mapped_column(String(255))


class GroupType(SoftDelete, Base):
    """A named kind of group; the name is unique among the types that live."""

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
