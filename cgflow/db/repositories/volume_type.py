"""Volume types: their extra specs, access lists and encryption, and the default types of projects.

A type in use cannot be deleted. Renaming a type renames its quota, because quota of one type is
counted under the type's name. Every project may use a public type; a private one has a list of the
projects that may. The encryption of a type is created, changed and deleted only while no volume has
the type. A project without a default type of its own has the configured one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypedDict, Unpack
from uuid import UUID, uuid4

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy import delete as delete_rows
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.context import RequestContext
from cgflow.db.models import (
    ConsistencyGroup,
    ConsistencyGroupType,
    DefaultType,
    ExtraSpec,
    QosAssociation,
    Snapshot,
    TypeAccess,
    TypeEncryption,
    Volume,
    VolumeType,
)
from cgflow.db.repositories.paging import ListQuery, select_page
from cgflow.db.upsert import insert_or_update
from cgflow.errors import Conflict, InvalidInput, InvalidState, NotFound
from cgflow.quota.usage import has_pending_reservation, rename_type_quota

_FILTERS = ("id", "name", "description", "is_public")
_QOS_SPECS_ID = func.coalesce(
    select(QosAssociation.qos_specs_id)
    .where(QosAssociation.volume_type_id == VolumeType.id)
    .scalar_subquery(),
    "",
)


class Changes(TypedDict, total=False):
    """The fields that ``update`` may change; a missing one is kept."""

    name: str
    description: str | None
    is_public: bool


def create(
    session: Session,
    *,
    id: str,
    name: str,
    description: str | None = None,
    is_public: bool = True,
    extra_specs: Mapping[str, str] | None = None,
) -> records.VolumeType:
    """Create a volume type. Raises: Conflict, if a live type has the name."""
    row = VolumeType(id=id, name=name, description=description, is_public=is_public)
    row.extra_specs = [ExtraSpec(key=key, value=value) for key, value in (extra_specs or {}).items()]
    _save(session, row)
    return row.to_record()


def get(session: Session, id: str) -> records.VolumeType:
    """Return one live type by its id. Raises: NotFound."""
    return _get_live_row(session, id).to_record()


def lock(session: Session, id: str) -> records.VolumeType:
    """Return one live type, locked until the transaction ends. Raises: NotFound."""
    return _get_live_row(session, id, lock=True).to_record()


def find(session: Session, id_or_name: str, user: RequestContext | None = None) -> records.VolumeType:
    """Return one live type, by id if the text looks like a UUID, else by name. Raises: as ``find_many``."""
    return find_many(session, [id_or_name], user)[0]


def find_many(
    session: Session, ids_or_names: Iterable[str], user: RequestContext | None = None
) -> list[records.VolumeType]:
    """Return the live types named, each once, in the order of the first mention.

    ``user`` is the user who is going to use them, None for the service itself. For a user, the
    types are locked against changes until the transaction ends.
    Raises: NotFound, naming the first text that is not a type or is one that the user may not use;
    InvalidState, for a user and an encrypted type: no backend can encrypt.
    """
    words = list(dict.fromkeys(ids_or_names))
    ids = {word: as_id for word in words if (as_id := _parse_uuid(word))}
    names = [word for word in words if word not in ids]
    query = _select_live().where(or_(VolumeType.id.in_(ids.values()), VolumeType.name.in_(names)))
    if user is not None:
        # The resources that will use them are not written yet, so a concurrent delete of a type must wait.
        query = query.with_for_update(read=True, key_share=True, of=VolumeType)
        if not user.is_admin:
            query = query.where(usable_by_condition(user.project_id))
    rows = session.scalars(query).all() if words else []
    by_id, by_name = {row.id: row for row in rows}, {row.name: row for row in rows}
    found: dict[str, VolumeType] = {}
    for word in words:
        row = by_id.get(ids[word]) if word in ids else by_name.get(word)
        if row is None:
            kind = "Volume type" if word in ids else "Volume type with name"
            raise NotFound(f"{kind} {word} could not be found.")
        found[row.id] = row
    if user is not None:
        _refuse_encrypted(session, found)
    return [row.to_record() for row in found.values()]


def page(session: Session, query: ListQuery, project_id: str) -> list[records.VolumeType]:
    """Return one page of the live types. Raises: InvalidInput.

    If public types are requested, the private types that the project may use are listed as well.
    The ``metadata`` of the query are extra specs that the types have.
    """
    statement = _select_live()
    filters = dict(query.filters)
    if filters.get("is_public"):
        del filters["is_public"]
        statement = statement.where(usable_by_condition(project_id))
    for key, value in query.metadata.items():
        statement = statement.where(VolumeType.extra_specs.any(key=key, value=value))
    rows = select_page(
        session,
        statement,
        VolumeType,
        replace(query, filters=filters),
        sortable=("created_at", "updated_at", "qos_specs_id", *_FILTERS),
        filterable={name: getattr(VolumeType, name) for name in _FILTERS} | {"qos_specs_id": _QOS_SPECS_ID},
    )
    return [row.to_record() for row in rows]


def update(session: Session, id: str, **changes: Unpack[Changes]) -> records.VolumeType:
    """Change the given fields and return the type. Raises: NotFound; Conflict, if the new name is taken."""
    row = _get_live_row(session, id, lock=True)
    old_name = row.name
    row.name = changes.get("name", row.name)
    row.description = changes.get("description", row.description)
    row.is_public = changes.get("is_public", row.is_public)
    _save(session, row)
    if row.name != old_name:
        rename_type_quota(session, old_name, row.name)
    return row.to_record()


def delete(session: Session, id: str) -> None:
    """Delete a type that nothing uses; its row is kept for history.

    Raises: NotFound; InvalidState, while a live volume, snapshot or consistency group has the type,
    a project has it as its default, or an unfinished operation takes or gives back quota of it.
    """
    # The lock waits for a group or volume that is being made with this type, because its foreign key holds
    # the row; the check below then sees it.
    row = _get_live_row(session, id, lock=True)
    users = [what for what, is_there in _in_use_conditions(row).items() if session.scalar(select(is_there))]
    if users:
        raise InvalidState(
            "Target volume type is still in use. "
            f"It is that of {' and '.join(users)}, which have to go first."
        )
    session.execute(delete_rows(QosAssociation).where(QosAssociation.volume_type_id == id))
    session.execute(delete_rows(TypeEncryption).where(TypeEncryption.volume_type_id == id))
    row.deleted, row.deleted_at = True, clock.now()
    session.flush()


def set_extra_specs(session: Session, id: str, specs: Mapping[str, str]) -> dict[str, str]:
    """Set or overwrite the given specs, keep the others, and return all.

    Raises: NotFound; InvalidState, while there are volumes of the type.
    """
    row = _get_live_row(session, id, lock=True)
    present = {spec.key: spec for spec in row.extra_specs}
    _require_no_volumes(session, row)
    for key, value in specs.items():
        if key in present:
            present[key].value = value
        else:
            row.extra_specs.append(ExtraSpec(key=key, value=value))
    row.updated_at = clock.now()
    session.flush()
    return row.to_record().extra_specs


def unset_extra_spec(session: Session, id: str, key: str) -> None:
    """Remove one spec. Raises: NotFound, for the type or the key; InvalidState, as ``set_extra_specs``."""
    row = _get_live_row(session, id, lock=True)
    _require_no_volumes(session, row)
    kept = [spec for spec in row.extra_specs if spec.key != key]
    if len(kept) == len(row.extra_specs):
        raise NotFound(f"Volume Type {id} has no extra specs with key {key}.")
    row.extra_specs = kept
    row.updated_at = clock.now()
    session.flush()


def is_usable(session: Session, id: str, project_id: str) -> bool:
    """Return whether a project may use a live type: it is public, or the project is on its list."""
    return (
        session.scalars(_select_live().where(VolumeType.id == id, usable_by_condition(project_id))).first()
        is not None
    )


def usable_by_condition(project_id: str) -> Any:
    """Return the condition that a project may use a type: it is public, or the project is on its list."""
    allowed = (TypeAccess.volume_type_id == VolumeType.id, TypeAccess.project_id == project_id)
    return or_(VolumeType.is_public, exists().where(*allowed))


def projects_with_access(session: Session, type_id: str) -> list[str]:
    """Return the projects that may use a private type. Raises: NotFound, also for a public one."""
    if get(session, type_id).is_public:
        raise NotFound("Access list not available for public volume types.")
    allowed = select(TypeAccess.project_id).where(TypeAccess.volume_type_id == type_id)
    return list(session.scalars(allowed.order_by(TypeAccess.project_id)))


def allow_access(session: Session, type_id: str, project_id: str) -> None:
    """Allow a project to use a private type.

    Raises: NotFound; Conflict, if it is allowed already; InvalidState, for a public type.
    """
    _lock_private(session, type_id)
    if has_access(session, type_id, project_id):
        raise Conflict(f"Volume type access for {type_id} / {project_id} combination already exists.")
    session.add(TypeAccess(volume_type_id=type_id, project_id=project_id))
    session.flush()


def revoke_access(session: Session, type_id: str, project_id: str) -> None:
    """Revoke a project's access to a private type; its resources are unchanged.

    Raises: NotFound, InvalidState.
    """
    _lock_private(session, type_id)
    if not has_access(session, type_id, project_id):
        raise NotFound(f"Volume type access not found for {type_id} / {project_id} combination.")
    one = (TypeAccess.volume_type_id == type_id, TypeAccess.project_id == project_id)
    session.execute(delete_rows(TypeAccess).where(*one))


def has_access(session: Session, type_id: str, project_id: str) -> bool:
    """Return whether a project is on the access list of a type."""
    one = (TypeAccess.volume_type_id == type_id, TypeAccess.project_id == project_id)
    return bool(session.scalar(select(exists().where(*one))))


def _lock_private(session: Session, type_id: str) -> records.VolumeType:
    kind = lock(session, type_id)
    if kind.is_public:
        raise InvalidState("Type access modification is not applicable to public volume type.")
    return kind


def find_encryption(session: Session, type_id: str) -> records.TypeEncryption | None:
    """Return the encryption of a type, or None if it has none. Raises: NotFound, for the type."""
    get(session, type_id)
    row = session.get(TypeEncryption, type_id)
    return None if row is None else row.to_record()


def create_encryption(session: Session, type_id: str, **values: Any) -> records.TypeEncryption:
    """Create the encryption of a type.

    Raises: NotFound, for the type; InvalidState, while it is in use; InvalidInput, if it has an
    encryption.
    """
    _require_unused(session, type_id, "create")
    if session.get(TypeEncryption, type_id) is not None:
        raise InvalidInput(f"Volume type encryption for type {type_id} already exists.")
    row = TypeEncryption(volume_type_id=type_id, encryption_id=str(uuid4()), **values)
    session.add(row)
    session.flush()
    return row.to_record()


def update_encryption(session: Session, type_id: str, **values: Any) -> None:
    """Change the given fields of a type's encryption. Raises: NotFound; InvalidState, while it is in use."""
    _require_unused(session, type_id, "update")
    row = _encryption_row(session, type_id)
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()


def delete_encryption(session: Session, type_id: str) -> None:
    """Delete the encryption of a type. Raises: NotFound; InvalidState, while the type is in use."""
    _require_unused(session, type_id, "delete")
    session.delete(_encryption_row(session, type_id))
    session.flush()


def _encryption_row(session: Session, type_id: str) -> TypeEncryption:
    row = session.get(TypeEncryption, type_id)
    if row is None:
        raise NotFound(f"Volume type encryption for type {type_id} does not exist.")
    return row


def _require_unused(session: Session, type_id: str, done: str) -> None:
    """Lock a type, and refuse one that a volume has or is getting. Raises: NotFound, InvalidState."""
    name = lock(session, type_id).name
    has_volumes = exists().where(Volume.volume_type_id == type_id, ~Volume.deleted)
    if session.scalar(select(has_volumes | has_pending_reservation(name))):
        raise InvalidState(f"Cannot {done} encryption specs. Volume type in use.")


def set_default(session: Session, project_id: str, volume_type: str) -> records.DefaultType:
    """Set a project's default type, by name or id. Raises: InvalidInput, if it may not use the type."""
    try:
        # The lock makes a concurrent delete of the type wait, and then find it in use.
        kind = lock(session, find(session, volume_type).id)
    except NotFound as error:
        raise InvalidInput(error.message, "volume_type") from None
    if not is_usable(session, kind.id, project_id):
        raise InvalidInput(
            f"Volume type {kind.name} is private, and project {project_id} may not use it. "
            "Give the project access to the type first.",
            "volume_type",
        )
    row = {"project_id": project_id, "volume_type_id": kind.id}
    insert_or_update(session, DefaultType, [row])
    return records.DefaultType(**row)


def get_default(session: Session, project_id: str) -> records.DefaultType:
    """Return a project's own default type. Raises: NotFound, if it has none."""
    row = session.get(DefaultType, project_id)
    if row is None:
        raise NotFound(f"Default type for project {project_id} not found.")
    return row.to_record()


def all_defaults(session: Session) -> list[records.DefaultType]:
    """Return the default types of all projects that have one of their own."""
    rows = session.scalars(select(DefaultType).order_by(DefaultType.project_id))
    return [row.to_record() for row in rows]


def unset_default(session: Session, project_id: str) -> None:
    """Delete a project's own default type, if any; the configured one applies again."""
    session.execute(delete_rows(DefaultType).where(DefaultType.project_id == project_id))


def effective_default(session: Session, project_id: str, configured: str | None) -> str | None:
    """Return the id or name of the type that a project uses if it names none; None for no type."""
    row = session.get(DefaultType, project_id)
    return configured if row is None else row.volume_type_id


def _require_no_volumes(session: Session, row: VolumeType) -> None:
    """Refuse to change the specs of a type with volumes, whose backend they selected.

    Raises: InvalidState.
    """
    uses = _in_use_conditions(row)
    if session.scalar(select(uses["volumes"] | uses["operations that have not ended"])):
        raise InvalidState(
            f"Volume Type is currently in use: {row.name} has volumes, whose extra specs cannot be changed. "
            "Retype the volumes to another type instead."
        )


def _refuse_encrypted(session: Session, found: Mapping[str, VolumeType]) -> None:
    """Refuse types with encryption, whose volumes would be stored unencrypted. Raises: InvalidState."""
    encrypted = select(TypeEncryption.volume_type_id).where(TypeEncryption.volume_type_id.in_(found))
    for id in session.scalars(encrypted.limit(1)):
        raise InvalidState(
            f"Invalid volume type: Volume type {found[id].name} asks for encryption, and no backend can "
            "encrypt. Nothing is stored in clear in its place: use another type, or take its encryption away "
            f"(DELETE /types/{id}/encryption/ENCRYPTION_ID)."
        )


def _in_use_conditions(row: VolumeType) -> dict[str, Any]:
    """Return the conditions that a type is in use, by the kind of user.

    A snapshot keeps the type that its volume had when the volume is retyped, and counts for it. For
    a volume that is being retyped, only the reservation names the new type, or the old one that it
    may return to.
    """
    id = row.id
    in_group = (
        ConsistencyGroupType.volume_type_id == id,
        ConsistencyGroupType.consistencygroup_id == ConsistencyGroup.id,
    )
    return {
        "volumes": exists().where(Volume.volume_type_id == id, ~Volume.deleted),
        "snapshots": exists().where(Snapshot.volume_type_id == id, ~Snapshot.deleted),
        "consistency groups": exists().where(*in_group, ~ConsistencyGroup.deleted),
        "defaults of projects": exists().where(DefaultType.volume_type_id == id),
        "operations that have not ended": has_pending_reservation(row.name),
    }


def _select_live() -> Select[VolumeType]:
    return select(VolumeType).where(~VolumeType.deleted)


def _get_live_row(session: Session, id: str, *, lock: bool = False) -> VolumeType:
    query = _select_live().where(VolumeType.id == id)
    row = session.scalars(query.with_for_update(of=VolumeType) if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"Volume type {id} could not be found.")
    return row


def _save(session: Session, row: VolumeType) -> None:
    name = row.name
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict(f"Volume Type {name} already exists.") from error


def _parse_uuid(word: str) -> str | None:
    """Return the canonical form of a UUID, given with or without dashes and in any case; else None."""
    try:
        id = str(UUID(word))
    except ValueError:
        return None
    return id if id.replace("-", "") == word.lower().replace("-", "") else None
