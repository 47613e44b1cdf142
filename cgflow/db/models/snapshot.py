"""Snapshots: frozen copies of volumes, each alone or one of a cgsnapshot."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cgflow import records
from cgflow.db.models.base import ID, Base, ResourceColumns
from cgflow.db.models.volume import Volume
from cgflow.db.models.volume_type import VolumeType


class Snapshot(ResourceColumns, Base):
    """A frozen copy of a volume of ``size`` GiB. ``progress`` is text, as on the wire.

    ``consistencygroup_id`` is that of its cgsnapshot. A copy of a member that was
    made alone has none: it goes with its volume, into a group and out of it.
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
