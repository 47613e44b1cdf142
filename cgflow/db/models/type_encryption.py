"""How volumes of a type are to be encrypted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import clock, records
from cgflow.db.models.base import ID, NAME, Base


class TypeEncryption(Base):
    """The encryption of one volume type. Types without have no row."""

    __tablename__ = "volume_type_encryptions"

    volume_type_id: Mapped[str] = mapped_column(ID, ForeignKey("volume_types.id"), primary_key=True)
    encryption_id: Mapped[str] = mapped_column(ID)
    provider: Mapped[str] = mapped_column(NAME)
    control_location: Mapped[str] = mapped_column(NAME)
    cipher: Mapped[str | None] = mapped_column(NAME)
    key_size: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime | None] = mapped_column(onupdate=clock.now)

    def to_record(self) -> records.TypeEncryption:
        """Return the frozen record of this row."""
        return records.TypeEncryption(
            volume_type_id=self.volume_type_id,
            encryption_id=self.encryption_id,
            provider=self.provider,
            control_location=self.control_location,
            cipher=self.cipher,
            key_size=self.key_size,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )
