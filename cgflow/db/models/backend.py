"""Backends and what they last reported."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import records
from cgflow.db.models.base import NAME, Base
from cgflow.drivers.contract import Report


class Backend(Base):
    """One configured backend, keyed by ``host@backend``."""

    __tablename__ = "backends"

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    availability_zone: Mapped[str] = mapped_column(NAME)
    report: Mapped[dict[str, Any]]
    reported_at: Mapped[datetime]
    is_up: Mapped[bool]
    reason: Mapped[str | None] = mapped_column(Text)
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(NAME)
    frozen_at: Mapped[datetime | None]

    def to_record(self) -> records.Backend:
        """Return the frozen record of this row."""
        return records.Backend(
            name=self.name,
            availability_zone=self.availability_zone,
            report=Report.from_json(self.report),
            reported_at=self.reported_at,
            is_up=self.is_up,
            reason=self.reason,
            disabled_at=self.disabled_at,
            disabled_reason=self.disabled_reason,
            frozen_at=self.frozen_at,
        )
