"""Which projects may use which private volume types.

Every project may use a public type, which has no list.
"""

from __future__ import annotations

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import TypeAccess
from cgflow.db.repositories import volume_type
from cgflow.errors import Conflict, InvalidState, NotFound


def projects(session: Session, type_id: str) -> list[str]:
    """Return the projects that may use a private type. Raises: NotFound, also for a public one."""
    if volume_type.get(session, type_id).is_public:
        raise NotFound("Access list not available for public volume types.")
    allowed = select(TypeAccess.project_id).where(TypeAccess.volume_type_id == type_id)
    return list(session.scalars(allowed.order_by(TypeAccess.project_id)))


def allow(session: Session, type_id: str, project_id: str) -> None:
    """Allow a project to use a private type.

    Raises: NotFound; Conflict, if it is allowed already; InvalidState, for a public type.
    """
    _private(session, type_id)
    if may_use(session, type_id, project_id):
        raise Conflict(f"Volume type access for {type_id} / {project_id} combination already exists.")
    session.add(TypeAccess(volume_type_id=type_id, project_id=project_id))
    session.flush()


def forbid(session: Session, type_id: str, project_id: str) -> None:
    """Revoke a project's access to a private type; its resources are unchanged.

    Raises: NotFound, InvalidState.
    """
    _private(session, type_id)
    if not may_use(session, type_id, project_id):
        raise NotFound(f"Volume type access not found for {type_id} / {project_id} combination.")
    one = (TypeAccess.volume_type_id == type_id, TypeAccess.project_id == project_id)
    session.execute(delete(TypeAccess).where(*one))


def may_use(session: Session, type_id: str, project_id: str) -> bool:
    """Return whether a project is on the access list of a type."""
    one = (TypeAccess.volume_type_id == type_id, TypeAccess.project_id == project_id)
    return bool(session.scalar(select(exists().where(*one))))


def _private(session: Session, type_id: str) -> records.VolumeType:
    kind = volume_type.lock(session, type_id)
    if kind.is_public:
        raise InvalidState("Type access modification is not applicable to public volume type.")
    return kind
