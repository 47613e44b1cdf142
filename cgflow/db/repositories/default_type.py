"""The volume types that are used if none is named: a project's own, else the configured one."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import DefaultType
from cgflow.db.repositories import volume_type as volume_types
from cgflow.db.upsert import insert_or_update
from cgflow.errors import InvalidInput, NotFound


def assign(session: Session, project_id: str, volume_type: str) -> records.DefaultType:
    """Set a project's default type, by name or id. Raises: InvalidInput, if it may not use the type."""
    try:
        # The lock makes a concurrent delete of the type wait, and then find it in use.
        kind = volume_types.lock(session, volume_types.find(session, volume_type).id)
    except NotFound as error:
        raise InvalidInput(error.message, "volume_type") from None
    if not volume_types.is_usable(session, kind.id, project_id):
        raise InvalidInput(
            f"Volume type {kind.name} is private, and project {project_id} may not use it. "
            "Give the project access to the type first.",
            "volume_type",
        )
    row = {"project_id": project_id, "volume_type_id": kind.id}
    insert_or_update(session, DefaultType, [row])
    return records.DefaultType(**row)


def get(session: Session, project_id: str) -> records.DefaultType:
    """Return a project's own default type. Raises: NotFound, if it has none."""
    row = session.get(DefaultType, project_id)
    if row is None:
        raise NotFound(f"Default type for project {project_id} not found.")
    return row.to_record()


def all(session: Session) -> list[records.DefaultType]:
    """Return the default types of all projects that have one of their own."""
    rows = session.scalars(select(DefaultType).order_by(DefaultType.project_id))
    return [row.to_record() for row in rows]


def unset(session: Session, project_id: str) -> None:
    """Delete a project's own default type, if any; the configured one applies again."""
    session.execute(delete(DefaultType).where(DefaultType.project_id == project_id))


def taken(session: Session, project_id: str, configured: str | None) -> str | None:
    """Return the id or name of the type that a project uses if it names none; None for no type."""
    row = session.get(DefaultType, project_id)
    return configured if row is None else row.volume_type_id
