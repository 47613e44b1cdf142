"""The volume types that projects take when they name none."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import records
from cgflow.db.models.base import ID, Base


class DefaultType(Base):
    """The default volume type of one project, over the configured one. Projects without have no row."""

    __tablename__ = "default_types"

    project_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), index=True)

    def to_record(self) -> records.DefaultType:
        """Return the frozen record of this row."""
        return records.DefaultType(project_id=self.project_id, volume_type_id=self.volume_type_id)
