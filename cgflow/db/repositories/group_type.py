"""Group types and their group specs.

A type that a group has cannot be deleted. The built-in type, which every group made as a
consistency group has, cannot be changed either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypedDict, Unpack

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.db.models import ConsistencyGroup, GroupSpec, GroupType
from cgflow.db.models.groups import BUILT_IN
from cgflow.db.repositories.paging import ListQuery, select_page
from cgflow.errors import Conflict, InvalidState, NotFound

_FILTERS = ("id", "name", "description", "is_public")


class Changes(TypedDict, total=False):
    """The fields that ``update`` may change; a missing one is kept."""

    name: str
    description: str | None
    is_public: bool


def create(
    session: Session,
    *,
    id: str,  # noqa: A002 - the API's name
    name: str,
    description: str | None = None,
    is_public: bool = True,
    group_specs: Mapping[str, str] | None = None,
) -> records.GroupType:
    """Create a group type. Raises: Conflict, if a live type has the name."""
    row = GroupType(id=id, name=name, description=description, is_public=is_public)
    row.group_specs = [GroupSpec(key=key, value=value) for key, value in (group_specs or {}).items()]
    _save(session, row)
    return row.to_record()


def get(session: Session, id: str, *, private: bool = True) -> records.GroupType:  # noqa: A002
    """Return one live type, a private one only if ``private``. Raises: NotFound."""
    found = _get_live_row(session, id).to_record()
    if not (found.is_public or private):
        raise NotFound(_not_found_message(id))
    return found


def lock_by_id_or_name(session: Session, id_or_name: str, *, private: bool) -> records.GroupType:
    """Return one live type by its id or name, locked until the transaction ends. Raises: NotFound."""
    named = _select_live().where(or_(GroupType.id == id_or_name, GroupType.name == id_or_name))
    rows = session.scalars(named.with_for_update()).all()
    # An id takes precedence over an equal name of another type.
    row = next((one for one in rows if one.id == id_or_name), None) or next(iter(rows), None)
    if row is None or not (row.is_public or private):
        raise NotFound(_not_found_message(id_or_name))
    return row.to_record()


def page(session: Session, query: ListQuery, scope: str | None) -> list[records.GroupType]:
    """Return one page of the live types; they belong to no project. Raises: InvalidInput, NotFound.

    If only public types are listed, a private one is not found as the marker either.
    """
    del scope
    statement = _select_live()
    filters = dict(query.filters)
    if filters.get("is_public"):
        del filters["is_public"]
        statement = statement.where(GroupType.is_public)
    rows = select_page(
        session,
        statement,
        GroupType,
        replace(query, filters=filters),
        sortable=("created_at", "updated_at", *_FILTERS),
        filterable={name: getattr(GroupType, name) for name in _FILTERS},
    )
    return [row.to_record() for row in rows]


def update(session: Session, id: str, **changes: Unpack[Changes]) -> records.GroupType:  # noqa: A002
    """Change a type. Raises: NotFound; Conflict, if the name is taken; InvalidState, if it is built in."""
    row = _lock_unless_built_in(session, id)
    for name, value in changes.items():
        setattr(row, name, value)
    row.updated_at = clock.now()
    _save(session, row)
    return row.to_record()


def delete(session: Session, id: str) -> None:  # noqa: A002
    """Delete a type that no live group has. Raises: NotFound, InvalidState."""
    row = _lock_unless_built_in(session, id)
    used = exists().where(ConsistencyGroup.group_type_id == id, ~ConsistencyGroup.deleted)
    if session.scalar(select(used)):
        raise InvalidState("Target group type is still in use.")
    row.deleted, row.deleted_at = True, clock.now()
    session.flush()


def set_specs(session: Session, id: str, specs: Mapping[str, str]) -> dict[str, str]:  # noqa: A002
    """Set or overwrite the given specs, keep the others, and return all. Raises: NotFound, InvalidState."""
    row = _lock_unless_built_in(session, id)
    present = {spec.key: spec for spec in row.group_specs}
    for key, value in specs.items():
        if key in present:
            present[key].value = value
        else:
            row.group_specs.append(GroupSpec(key=key, value=value))
    row.updated_at = clock.now()
    session.flush()
    return row.to_record().group_specs


def unset_spec(session: Session, id: str, key: str) -> None:  # noqa: A002
    """Remove one spec. Raises: NotFound, for the type or for the key; InvalidState."""
    row = _lock_unless_built_in(session, id)
    kept = [spec for spec in row.group_specs if spec.key != key]
    if len(kept) == len(row.group_specs):
        raise NotFound(f"Group Type {id} has no specs with key {key}.")
    row.group_specs = kept
    row.updated_at = clock.now()
    session.flush()


def _select_live() -> Select[GroupType]:
    return select(GroupType).where(~GroupType.deleted)


def _get_live_row(session: Session, id: str, *, lock: bool = False) -> GroupType:  # noqa: A002
    query = _select_live().where(GroupType.id == id)
    row = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(_not_found_message(id))
    return row


def _lock_unless_built_in(session: Session, id: str) -> GroupType:  # noqa: A002
    row = _get_live_row(session, id, lock=True)
    if row.id == BUILT_IN:
        raise InvalidState(
            f"Group type {row.name} is built in: every consistency group has it, so it stays as it is."
        )
    return row


def _not_found_message(id_or_name: str) -> str:
    return f"Group type {id_or_name} could not be found."


def _save(session: Session, row: GroupType) -> None:
    name = row.name
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict(f"Group Type {name} already exists.") from error
