"""Parts shared by all tables: constraint names, soft delete, and the columns of a resource."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, ForeignKey, MetaData, Select, String, Text, inspect, select
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


def select_columns(model: type[Any]) -> Select[Any]:
    """Return the statement that selects all columns of a model, each under its attribute's name."""
    return select(*(getattr(model, each.key).label(each.key) for each in inspect(model).column_attrs))


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

    children: ClassVar[Any] = None
    """Selects what the records of several resources contain: by ``ids``, with each one's ``parent_id``."""

    @classmethod
    def select_records(cls) -> Select[Any]:
        """Return the statement that selects what ``to_record`` needs of each resource."""
        return select_columns(cls)

    @staticmethod
    def common(row: Any) -> dict[str, Any]:
        """Return the fields that the records of all resources have."""
        return {
            "id": row.id,
            "user_id": row.user_id,
            "project_id": row.project_id,
            "name": row.name,
            "description": row.description,
            "status": Status(row.status),
            "reason": row.reason,
            "claimed_by": row.claimed_by,
            "flow_id": row.flow_id,
            "consumes_quota": row.consumes_quota,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
