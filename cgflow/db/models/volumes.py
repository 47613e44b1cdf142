"""Tables of volumes, snapshots, attachments and transfers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Select, String, bindparam, select, text
from sqlalchemy.orm import Mapped, column_property, mapped_column

from cgflow import records
from cgflow.db.models.base import ID, NAME, STATE, Base, ResourceColumns, SoftDelete, select_columns
from cgflow.db.models.groups import BUILT_IN, ConsistencyGroup
from cgflow.db.models.types import MULTIATTACH, ExtraSpec, VolumeType
from cgflow.scheduler.extra_specs_ops import meets_requirement
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

    @classmethod
    def select_records(cls) -> Select[Any]:
        """Return the statement that selects what ``to_record`` needs of each volume."""
        multiattach = select(ExtraSpec.value).where(
            ExtraSpec.volume_type_id == cls.volume_type_id, ExtraSpec.key == MULTIATTACH
        )
        return (
            super()
            .select_records()
            .add_columns(VolumeType.name.label("volume_type_name"))
            .add_columns(multiattach.scalar_subquery().label(MULTIATTACH))
            .outerjoin(VolumeType, VolumeType.id == cls.volume_type_id)
        )

    @classmethod
    def to_record(cls, row: Any, attachments: Sequence[Any] = ()) -> records.Volume:
        """Return the frozen record of a volume with these live attachments."""
        return records.Volume(
            **cls.common(row),
            size=row.size,
            availability_zone=row.availability_zone,
            host=row.host,
            volume_type_id=row.volume_type_id,
            volume_type_name=row.volume_type_name,
            consistencygroup_id=row.consistencygroup_id,
            is_in_generic_group=row.group_type_id not in (None, BUILT_IN),
            snapshot_id=row.snapshot_id,
            source_volid=row.source_volid,
            metadata=dict(row.volume_metadata),
            bootable=bool(row.bootable),
            readonly=row.readonly,
            image_metadata=dict(row.image_metadata or {}),
            attachments=tuple(Attachment.to_record(attachment) for attachment in attachments),
            is_multiattach=meets_requirement(True, row.multiattach or ""),
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

    @classmethod
    def select_records(cls) -> Select[Any]:
        """Return the statement that selects what ``to_record`` needs of each snapshot."""
        return (
            super()
            .select_records()
            .add_columns(Volume.host, Volume.consistencygroup_id.label("group_id"))
            .add_columns(VolumeType.name.label("volume_type_name"))
            .join(Volume, Volume.id == cls.volume_id)
            .outerjoin(VolumeType, VolumeType.id == cls.volume_type_id)
        )

    @classmethod
    def to_record(cls, row: Any, _children: Sequence[Any] = ()) -> records.Snapshot:
        """Return the frozen record of a snapshot."""
        return records.Snapshot(
            **cls.common(row),
            volume_id=row.volume_id,
            cgsnapshot_id=row.cgsnapshot_id,
            consistencygroup_id=row.consistencygroup_id,
            group_id=row.group_id,
            host=row.host,
            size=row.size,
            progress=row.progress,
            metadata=dict(row.snapshot_metadata or {}),
            volume_type_id=row.volume_type_id,
            volume_type_name=row.volume_type_name,
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


Volume.children = (
    select_columns(Attachment)
    .add_columns(Attachment.volume_id.label("parent_id"))
    .where(Attachment.volume_id.in_(bindparam("ids", expanding=True)), ~Attachment.deleted)
    .order_by(Attachment.created_at, Attachment.id)
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
