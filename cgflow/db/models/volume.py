"""Volumes, alone or members of a consistency group."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from cgflow import records
from cgflow.db.models.attachment import Attachment
from cgflow.db.models.base import ID, NAME, Base, ResourceColumns
from cgflow.db.models.consistencygroup import ConsistencyGroup
from cgflow.db.models.group_type import BUILT_IN
from cgflow.db.models.volume_type import VolumeType


class Volume(ResourceColumns, Base):
    """A block volume of ``size`` GiB. What it was made from is told, not referred to: it may be gone."""

    __tablename__ = "volumes"
    __table_args__ = (Index(None, "project_id", "deleted", "created_at"),)

    size: Mapped[int]
    availability_zone: Mapped[str] = mapped_column(NAME)
    host: Mapped[str | None] = mapped_column(NAME)
    volume_type_id: Mapped[str | None] = mapped_column(ID, ForeignKey("volume_types.id"), index=True)
    consistencygroup_id: Mapped[str | None] = mapped_column(
        ID, ForeignKey("consistencygroups.id"), index=True
    )
    group_type_id: Mapped[str | None] = column_property(
        select(ConsistencyGroup.group_type_id)
        .where(ConsistencyGroup.id == consistencygroup_id)
        .correlate_except(ConsistencyGroup)
        .scalar_subquery()
    )
    snapshot_id: Mapped[str | None] = mapped_column(ID)
    source_volid: Mapped[str | None] = mapped_column(ID)
    volume_metadata: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # Null until somebody says so.
    bootable: Mapped[bool | None]
    readonly: Mapped[bool | None]
    image_metadata: Mapped[dict[str, Any] | None]
    volume_type: Mapped[VolumeType | None] = relationship(lazy="joined")
    attachments: Mapped[list[Attachment]] = relationship(
        lazy="joined",
        viewonly=True,
        primaryjoin="and_(Volume.id == foreign(Attachment.volume_id), ~Attachment.deleted)",
        order_by="Attachment.created_at, Attachment.id",
    )

    def to_record(self) -> records.Volume:
        """Return the frozen record of this row."""
        return records.Volume(
            **self.common(),
            size=self.size,
            availability_zone=self.availability_zone,
            host=self.host,
            volume_type_id=self.volume_type_id,
            volume_type_name=self.volume_type.name if self.volume_type else None,
            consistencygroup_id=self.consistencygroup_id,
            is_in_generic_group=self.group_type_id not in (None, BUILT_IN),
            snapshot_id=self.snapshot_id,
            source_volid=self.source_volid,
            metadata=dict(self.volume_metadata),
            bootable=bool(self.bootable),
            readonly=self.readonly,
            image_metadata=dict(self.image_metadata or {}),
            attachments=tuple(attachment.to_record() for attachment in self.attachments),
            is_multiattach=self.volume_type is not None and self.volume_type.asks_for_multiattach,
        )
