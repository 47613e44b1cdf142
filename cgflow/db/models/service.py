"""The parts of the service, and when each last reported. Those that hold storage are backends."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import records
from cgflow.db.models.base import NAME, Base


class Service(Base):
    """One part on one host, such as ``cgflow-api``."""

    __tablename__ = "services"

    binary: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(NAME, primary_key=True)
    availability_zone: Mapped[str] = mapped_column(NAME)
    reported_at: Mapped[datetime]

    def to_record(self) -> records.Service:
        """Return the frozen record of this row."""
        return records.Service(
            binary=self.binary,
            host=self.host,
            availability_zone=self.availability_zone,
            reported_at=self.reported_at,
        )
