"""Attachments: uses of a volume."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, insert, select, update
from sqlalchemy import delete as delete_rows
from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.db.models import Attachment
from cgflow.db.repositories.paging import ListQuery, select_page
from cgflow.errors import NotFound
from cgflow.status import AttachmentStatus

_FILTERS = ("id", "status", "volume_id", "instance_id", "project_id", "mode", "mountpoint")


def add(session: Session, **columns: Any) -> None:
    """Insert a new attachment, given by its columns."""
    session.execute(insert(Attachment), [{"created_at": clock.now(), **columns}])


def get(session: Session, id: str, scope: str | None) -> records.Attachment:  # noqa: A002 - the API's name
    """Return a live attachment. Raises: NotFound, also for another project's."""
    row = session.scalars(_select_live().where(Attachment.id == id)).one_or_none()
    if row is None or (scope is not None and row.project_id != scope):
        raise NotFound(f"Volume attachment could not be found with filter: attachment_id = {id}.")
    return row.to_record()


def of_volume(session: Session, volume_id: str) -> list[records.Attachment]:
    """Return the live attachments of a volume as they are now, the oldest first."""
    query = _select_live().where(Attachment.volume_id == volume_id)
    return [row.to_record() for row in session.scalars(query.order_by(Attachment.created_at, Attachment.id))]


def page(session: Session, query: ListQuery, scope: str | None) -> list[records.Attachment]:
    """Return one page of the live attachments of a project, or of all. Raises: InvalidInput."""
    statement = _select_live() if scope is None else _select_live().where(Attachment.project_id == scope)
    filterable = {name: getattr(Attachment, name) for name in _FILTERS}
    sortable = ("created_at", "updated_at", *_FILTERS)
    rows = select_page(session, statement, Attachment, query, sortable=sortable, filterable=filterable)
    return [row.to_record() for row in rows]


def update_status(session: Session, id: str, status: AttachmentStatus, **columns: object) -> None:  # noqa: A002
    """Set the status and other columns of a live attachment."""
    living = (Attachment.id == id, ~Attachment.deleted)
    session.execute(update(Attachment).where(*living).values(status=status.value, **columns))


def delete(session: Session, *ids: str) -> None:
    """Delete these attachments, which have ended, including their connectors."""
    session.execute(delete_rows(Attachment).where(Attachment.id.in_(ids)))


def _select_live() -> Select[Attachment]:
    return select(Attachment).where(~Attachment.deleted).execution_options(populate_existing=True)
