"""Attachments: who uses a volume."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import records
from cgflow.db.models.base import ID, NAME, STATE, Base, SoftDelete
from cgflow.status import AttachmentStatus


class Attachment(SoftDelete, Base):
    """One use of a volume. When it ends its row is deleted."""

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
