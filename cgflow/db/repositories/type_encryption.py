"""The encryption of volume types. It is created, changed and deleted only while no volume has the type."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import TypeEncryption, Volume
from cgflow.db.repositories import volume_type
from cgflow.errors import InvalidInput, InvalidState, NotFound
from cgflow.quota.usage import is_pending


def find(session: Session, type_id: str) -> records.TypeEncryption | None:
    """Return the encryption of a type, or None if it has none. Raises: NotFound, for the type."""
    volume_type.get(session, type_id)
    row = session.get(TypeEncryption, type_id)
    return None if row is None else row.to_record()


def create(session: Session, type_id: str, **values: Any) -> records.TypeEncryption:
    """Create the encryption of a type.

    Raises: NotFound, for the type; InvalidState, while it is in use; InvalidInput, if it has an
    encryption.
    """
    _require_unused(session, type_id, "create")
    if session.get(TypeEncryption, type_id) is not None:
        raise InvalidInput(f"Volume type encryption for type {type_id} already exists.")
    row = TypeEncryption(volume_type_id=type_id, encryption_id=str(uuid.uuid4()), **values)
    session.add(row)
    session.flush()
    return row.to_record()


def update(session: Session, type_id: str, **values: Any) -> None:
    """Change the given fields of a type's encryption. Raises: NotFound; InvalidState, while it is in use."""
    _require_unused(session, type_id, "update")
    row = _get(session, type_id)
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()


def delete(session: Session, type_id: str) -> None:
    """Delete the encryption of a type. Raises: NotFound; InvalidState, while the type is in use."""
    _require_unused(session, type_id, "delete")
    session.delete(_get(session, type_id))
    session.flush()


def _get(session: Session, type_id: str) -> TypeEncryption:
    row = session.get(TypeEncryption, type_id)
    if row is None:
        raise NotFound(f"Volume type encryption for type {type_id} does not exist.")
    return row


def _require_unused(session: Session, type_id: str, done: str) -> None:
    """Lock a type, and refuse one that a volume has or is getting. Raises: NotFound, InvalidState."""
    name = volume_type.lock(session, type_id).name
    has_volumes = exists().where(Volume.volume_type_id == type_id, ~Volume.deleted)
    if session.scalar(select(has_volumes | is_pending(name))):
        raise InvalidState(f"Cannot {done} encryption specs. Volume type in use.")
