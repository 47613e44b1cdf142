"""Tables of volumes, snapshots, attachments and transfers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from cgflow import records
from cgflow.db.models.base import ID, NAME, STATE, Base, ResourceColumns, SoftDelete
from cgflow.db.models.groups import BUILT_IN, ConsistencyGroup
from cgflow.db.models.types import VolumeType
from cgflow.status import AttachmentStatus


class Volume(ResourceColumns, Base):
    """A block volume of ``size`` GiB. Its source is no foreign key: it may be deleted."""

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
    # Null until a client sets it.
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


class Snapshot(ResourceColumns, Base):
    """A snapshot of a volume of ``size`` GiB. ``progress`` is text, as in the API.

    ``consistencygroup_id`` is that of its cgsnapshot. A snapshot of a member that was made alone
    has none: it moves with its volume into a group and out of it.
    """

    __tablename__ = "snapshots"
    __table_args__ = (Index(None, "project_id", "deleted", "created_at"),)

    volume_id: Mapped[str] = mapped_column(ID, ForeignKey("volumes.id"), index=True)
    cgsnapshot_id: Mapped[str | None] = mapped_column(ID, ForeignKey("cgsnapshots.id"), index=True)
    consistencygroup_id: Mapped[str | None] = mapped_column(ID, ForeignKey("consistencygroups.id"))
    size: Mapped[int]
    snapshot_metadata: Mapped[dict[str, Any] | None]
    progress: Mapped[str] = mapped_column(String(8), default="0%")
    volume_type_id: Mapped[str | None] = mapped_column(ID, ForeignKey("volume_types.id"))
    volume_type: Mapped[VolumeType | None] = relationship(lazy="joined")
    volume: Mapped[Volume] = relationship(lazy="joined", innerjoin=True)

    def to_record(self) -> records.Snapshot:
        """Return the frozen record of this row."""
        return records.Snapshot(
            **self.common(),
            volume_id=self.volume_id,
            cgsnapshot_id=self.cgsnapshot_id,
            consistencygroup_id=self.consistencygroup_id,
            group_id=self.volume.consistencygroup_id,
            host=self.volume.host,
            size=self.size,
            progress=self.progress,
            metadata=dict(self.snapshot_metadata or {}),
            volume_type_id=self.volume_type_id,
            volume_type_name=self.volume_type.name if self.volume_type else None,
        )


class Attachment(SoftDelete, Base):
    """One use of a volume. Its row is deleted when the use ends."""

    __tablename__ = "attachments"
    __table_args__ = (
        Index(None, "volume_id", "deleted"),
        Index(None, "project_id", "deleted", "created_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    volume_id: Mapped[str] = mapped_column(ID, ForeignKey("volumes.id"))
    project_id: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(STATE)
    instance_id: Mapped[str | None] = mapped_column(NAME)
    host_name: Mapped[str | None] = mapped_column(NAME)
    mountpoint: Mapped[str | None] = mapped_column(NAME)
    mode: Mapped[str] = mapped_column(String(2))
    connector: Mapped[dict[str, Any] | None]
    connection_info: Mapped[dict[str, Any] | None]
    attached_at: Mapped[datetime | None]

    def to_record(self) -> records.Attachment:
        """Return the frozen record of this row."""
        return records.Attachment(
            id=self.id,
            volume_id=self.volume_id,
            project_id=self.project_id,
            status=AttachmentStatus(self.status),
            instance_id=self.instance_id,
            host_name=self.host_name,
            mountpoint=self.mountpoint,
            mode=self.mode,
            connector=self.connector,
            connection_info=self.connection_info,
            attached_at=self.attached_at,
            created_at=self.created_at,
        )


class Transfer(SoftDelete, Base):
    """One offer by the project that owns the volume; a volume has at most one open offer.

    The key that accepts it is stored as a salted hash.
    """

    __tablename__ = "transfers"
    __table_args__ = (
        Index(None, "project_id", "deleted"),
        Index(
            "uq_transfers_volume_id",
            "volume_id",
            unique=True,
            sqlite_where=text("deleted = 0"),
            postgresql_where=text("NOT deleted"),
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    volume_id: Mapped[str] = mapped_column(ID, ForeignKey("volumes.id"), index=True)
    name: Mapped[str | None] = mapped_column(NAME)
    project_id: Mapped[str] = mapped_column(String(255))
    destination_project_id: Mapped[str | None] = mapped_column(String(255))
    salt: Mapped[str] = mapped_column(String(32))
    key_hash: Mapped[str] = mapped_column(String(128))
    no_snapshots: Mapped[bool] = mapped_column(default=False)

    def to_record(self) -> records.Transfer:
        """Return the frozen record of this row."""
        return records.Transfer(
            id=self.id,
            volume_id=self.volume_id,
            name=self.name,
            project_id=self.project_id,
            destination_project_id=self.destination_project_id,
            salt=self.salt,
            key_hash=self.key_hash,
            no_snapshots=self.no_snapshots,
            created_at=self.created_at,
        )
