"""Tables of volume types, their encryption, QoS specs and defaults."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cgflow import clock, records
from cgflow.db.models.base import ID, NAME, Base, SoftDelete

MULTIATTACH = "multiattach"


class ExtraSpec(Base):
    """One requirement of a volume type."""

    __tablename__ = "volume_type_extra_specs"

    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    value: Mapped[str] = mapped_column(String(255))


class TypeAccess(Base):
    """A project's permission to use a private volume type."""

    __tablename__ = "volume_type_projects"

    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(255), primary_key=True)


class VolumeType(SoftDelete, Base):
    """A named service class; the name is unique among the live types."""

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


class TypeEncryption(Base):
    """The encryption of one volume type. A type without encryption has no row."""

    __tablename__ = "volume_type_encryptions"

    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), primary_key=True)
    encryption_id: Mapped[str] = mapped_column(ID)
    provider: Mapped[str] = mapped_column(NAME)
    control_location: Mapped[str] = mapped_column(NAME)
    cipher: Mapped[str | None] = mapped_column(NAME)
    key_size: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime | None] = mapped_column(onupdate=clock.now)

    def to_record(self) -> records.TypeEncryption:
        """Return the frozen record of this row."""
        return records.TypeEncryption(
            volume_type_id=self.volume_type_id,
            encryption_id=self.encryption_id,
            provider=self.provider,
            control_location=self.control_location,
            cipher=self.cipher,
            key_size=self.key_size,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


class QosSpec(SoftDelete, Base):
    """Limits on a volume's use of its backend, by key; the name is unique among the live ones."""

    __tablename__ = "qos_specs"
    __table_args__ = (
        Index(
            "uq_qos_specs_name",
            "name",
            unique=True,
            sqlite_where=text("deleted = 0"),
            postgresql_where=text("NOT deleted"),
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    consumer: Mapped[str] = mapped_column(String(16))
    specs: Mapped[dict[str, Any]]

    def to_record(self) -> records.QosSpec:
        """Return the frozen record of this row."""
        return records.QosSpec(
            id=self.id,
            name=self.name,
            consumer=self.consumer,
            specs=dict(self.specs),
            created_at=self.created_at,
        )


class QosAssociation(Base):
    """The association of a volume type with QoS specs; a type has at most one."""

    __tablename__ = "qos_associations"

    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), primary_key=True)
    qos_specs_id: Mapped[str] = mapped_column(ID, ForeignKey("qos_specs.id"), index=True)


class DefaultType(Base):
    """The default volume type of one project; it overrides the configured one. Other projects have no row."""

    __tablename__ = "default_types"

    project_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), index=True)

    def to_record(self) -> records.DefaultType:
        """Return the frozen record of this row."""
        return records.DefaultType(project_id=self.project_id, volume_type_id=self.volume_type_id)
