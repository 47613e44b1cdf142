"""Transfers: offers of a volume to another project."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, insert, select, update
from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.db.models import Transfer
from cgflow.db.repositories.paging import ListQuery, select_page
from cgflow.errors import NotFound

_FILTERS = ("id", "name", "volume_id", "project_id")


def add(session: Session, **columns: Any) -> None:
    """Insert a new offer, given by its columns."""
    session.execute(insert(Transfer), [{"created_at": clock.now(), **columns}])


def get(session: Session, id: str, scope: str | None) -> records.Transfer:  # noqa: A002 - the API's name
    """Return an open offer. Raises: NotFound, also for another project's."""
    row = session.scalars(_open_offers().where(Transfer.id == id)).one_or_none()
    if row is None or (scope is not None and row.project_id != scope):
        raise NotFound(f"Transfer {id} could not be found.")
    return row.to_record()


def page(session: Session, query: ListQuery, scope: str | None) -> list[records.Transfer]:
    """Return one page of the open offers of a project, or of all. Raises: InvalidInput."""
    statement = _open_offers() if scope is None else _open_offers().where(Transfer.project_id == scope)
    rows = select_page(
        session,
        statement,
        Transfer,
        query,
        sortable=("created_at", "updated_at", *_FILTERS),
        filterable={name: getattr(Transfer, name) for name in _FILTERS},
    )
    return [row.to_record() for row in rows]


def close(session: Session, id: str, destination_project_id: str | None = None) -> None:  # noqa: A002
    """Close an offer: a project accepted it, or it was withdrawn."""
    gone = {"deleted": True, "deleted_at": clock.now(), "destination_project_id": destination_project_id}
    session.execute(update(Transfer).where(Transfer.id == id).values(**gone))


def close_offers_of(session: Session, volume_ids: Collection[str]) -> None:
    """Close all open offers of these volumes. Closed offers are unchanged."""
    standing = (Transfer.volume_id.in_(volume_ids), ~Transfer.deleted)
    gone = {"deleted": True, "deleted_at": clock.now()}
    ended = update(Transfer).where(*standing).values(**gone)
    session.execute(ended.execution_options(synchronize_session=False))


def _open_offers() -> Select[Transfer]:
    # Bulk updates bypass the objects that the session has loaded before.
    return select(Transfer).where(~Transfer.deleted).execution_options(populate_existing=True)
