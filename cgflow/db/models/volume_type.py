"""Volume types and their extra specs."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cgflow import records
from cgflow.db.models.base import ID, NAME, Base, SoftDelete
from cgflow.db.models.qos_spec import QosAssociation
from cgflow.scheduler.filters.extra_specs_ops import meets

MULTIATTACH = "multiattach"


class ExtraSpec(Base):
    """One requirement of a volume type."""

    __tablename__ = "volume_type_extra_specs"

    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    value: Mapped[str] = mapped_column(String(255))


class TypeAccess(Base):
    """That a project may use a private volume type."""

    __tablename__ = "volume_type_projects"

    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(255), primary_key=True)


class VolumeType(SoftDelete, Base):
    """A named service class; the name is unique among the types that live."""

    __tablename__ = "volume_types"
    __table_args__ = (
        Index(
            "uq_volume_types_name",
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
    extra_specs: Mapped[list[ExtraSpec]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by=ExtraSpec.key
    )

    qos: Mapped[QosAssociation | None] = relationship(lazy="joined", viewonly=True)

    @property
    def asks_for_multiattach(self) -> bool:
        """Whether volumes of the type may have several users at a time."""
        specs = {spec.key: spec.value for spec in self.extra_specs}
        return meets(True, specs.get(MULTIATTACH, ""))

    def to_record(self) -> records.VolumeType:
        """Return the frozen record of this row."""
        return records.VolumeType(
            id=self.id,
            name=self.name,
            description=self.description,
            is_public=self.is_public,
            created_at=self.created_at,
            qos_specs_id=self.qos.qos_specs_id if self.qos else None,
            extra_specs={spec.key: spec.value for spec in self.extra_specs},
        )
