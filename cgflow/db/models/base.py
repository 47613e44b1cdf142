"""Parts shared by all tables: constraint names, soft delete, and the columns of a resource."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cgflow import clock
from cgflow.status import Status

ID = String(36)
NAME = String(255)
STATE = String(32)


class Base(DeclarativeBase):
    """Root of the models; its metadata also has TaskFlow's own tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: DateTime(),
        dict[str, Any]: JSON(),
    }


class SoftDelete:
    """Columns of a row that is kept, for history, after its resource is deleted."""

    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime | None] = mapped_column(onupdate=clock.now)
    deleted_at: Mapped[datetime | None]
    deleted: Mapped[bool] = mapped_column(default=False)


class ResourceColumns(SoftDelete):
    """Columns of every resource that operations act on.

    ``claimed_by`` is the flow that holds the resource; ``flow_id`` is the last flow that held it.
    ``consumes_quota`` is true from the commit of its creation to its deletion. Usage is the sum
    over the rows with it, so what was rolled back does not count.
    """

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255))
    project_id: Mapped[str] = mapped_column(String(255))
    name: Mapped[str | None] = mapped_column(NAME)
    description: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(STATE)
    reason: Mapped[str | None] = mapped_column(Text)
    claimed_by: Mapped[str | None] = mapped_column(ID, ForeignKey("flows.id"), index=True)
    flow_id: Mapped[str | None] = mapped_column(ID, ForeignKey("flows.id"), index=True)
    consumes_quota: Mapped[bool] = mapped_column(default=False)

    def common(self) -> dict[str, Any]:
        """Return the fields that the records of all resources have."""
        return {
            "id": self.id,
            "user_id": self.user_id,
            "project_id": self.project_id,
            "name": self.name,
            "description": self.description,
            "status": Status(self.status),
            "reason": self.reason,
            "claimed_by": self.claimed_by,
            "flow_id": self.flow_id,
            "consumes_quota": self.consumes_quota,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
