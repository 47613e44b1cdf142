"""Transfers: offers to hand a volume over to another project."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from cgflow import records
from cgflow.db.models.base import ID, NAME, Base, SoftDelete


class Transfer(SoftDelete, Base):
    """One offer, of the project that has the volume; of each volume one stands at most.

    The key that takes it up is kept as a salted hash.
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
