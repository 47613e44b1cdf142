"""QoS specs, and the volume types that carry them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import records
from cgflow.db.models.base import ID, NAME, Base, SoftDelete


class QosSpec(SoftDelete, Base):
    """What a volume may take of a backend, by key; the name is unique among those that live."""

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
    """That a volume type carries QoS specs; it carries at most one."""

    __tablename__ = "qos_associations"

    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), primary_key=True)
    qos_specs_id: Mapped[str] = mapped_column(ID, ForeignKey("qos_specs.id"), index=True)
