"""Messages: what users are told of operations that failed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import clock, records
from cgflow.db.models.base import ID, NAME, STATE, Base


class Message(Base):
    """One message. It outlives the flow that it tells of, so it refers to it by id alone."""

    __tablename__ = "messages"
    __table_args__ = (Index(None, "project_id", "created_at"), Index(None, "resource_uuid"))

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    project_id: Mapped[str] = mapped_column(String(255))
    request_id: Mapped[str] = mapped_column(String(64))
    resource_type: Mapped[str] = mapped_column(String(64))
    resource_uuid: Mapped[str] = mapped_column(ID)
    event_id: Mapped[str] = mapped_column(NAME)
    message_level: Mapped[str] = mapped_column(STATE)
    user_message: Mapped[str] = mapped_column(Text)
    flow_id: Mapped[str] = mapped_column(ID)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    guaranteed_until: Mapped[datetime] = mapped_column(index=True)

    def to_record(self) -> records.Message:
        """Return the frozen record of this row."""
        return records.Message(
            id=self.id,
            project_id=self.project_id,
            request_id=self.request_id,
            resource_type=self.resource_type,
            resource_uuid=self.resource_uuid,
            event_id=self.event_id,
            message_level=self.message_level,
            user_message=self.user_message,
            flow_id=self.flow_id,
            created_at=self.created_at,
            guaranteed_until=self.guaranteed_until,
        )
