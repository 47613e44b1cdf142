"""QoS specs and their associations with volume types. Associated specs are deleted only by force."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Select, select
from sqlalchemy import delete as delete_rows
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.db.models import QosAssociation, QosSpec, VolumeType
from cgflow.db.repositories import volume_type
from cgflow.db.repositories.paging import ListQuery, select_page
from cgflow.db.upsert import insert_missing
from cgflow.errors import Conflict, InvalidState, NotFound

_FILTERS = ("id", "name", "consumer")


def create(
    session: Session, *, id: str, name: str, consumer: str, specs: Mapping[str, str]
) -> records.QosSpec:
    """Create QoS specs. Raises: Conflict, if live ones have the name."""
    row = QosSpec(id=id, name=name, consumer=consumer, specs=dict(specs), created_at=clock.now())
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict(f"QoS Specs {name} already exists.") from error
    return row.to_record()


def get(session: Session, id: str) -> records.QosSpec:
    """Return live QoS specs. Raises: NotFound."""
    return _get_live_row(session, id).to_record()


def page(session: Session, query: ListQuery, scope: str | None) -> list[records.QosSpec]:
    """Return one page of the live QoS specs; they belong to no project. Raises: InvalidInput."""
    del scope
    rows = select_page(
        session,
        _select_live(),
        QosSpec,
        query,
        sortable=("created_at", "updated_at", *_FILTERS),
        filterable={name: getattr(QosSpec, name) for name in _FILTERS},
    )
    return [row.to_record() for row in rows]


def set_keys(session: Session, id: str, specs: Mapping[str, str], consumer: str | None) -> None:
    """Set keys, keep the others, and set the consumer unless it is None. Raises: NotFound."""
    row = _get_live_row(session, id, lock=True)
    row.specs = {**row.specs, **specs}
    row.consumer = consumer or row.consumer
    session.flush()


def unset_keys(session: Session, id: str, keys: Collection[str]) -> None:
    """Remove keys. Raises: NotFound, for the specs or the first key that they do not have."""
    row = _get_live_row(session, id, lock=True)
    for key in keys:
        if key not in row.specs:
            raise NotFound(f"QoS spec {id} has no spec with key {key}.")
    row.specs = {key: value for key, value in row.specs.items() if key not in keys}
    session.flush()


def delete(session: Session, id: str, *, force: bool) -> None:
    """Delete QoS specs; ``force`` removes their associations with types first.

    Raises: NotFound; InvalidState, while a type is associated and not ``force``.
    """
    row = _get_live_row(session, id, lock=True)
    if not force and associated_types(session, id):
        raise InvalidState(f"QoS Specs {id} is still associated with entities.")
    disassociate_all(session, id)
    row.deleted, row.deleted_at = True, clock.now()
    session.flush()


def associated_types(session: Session, id: str) -> list[records.VolumeType]:
    """Return the live volume types associated with these specs, by name. Raises: NotFound."""
    _get_live_row(session, id)
    of_these = select(QosAssociation.volume_type_id).where(QosAssociation.qos_specs_id == id)
    types = select(VolumeType).where(VolumeType.id.in_(of_these), ~VolumeType.deleted)
    return [row.to_record() for row in session.scalars(types.order_by(VolumeType.name))]


def associate(session: Session, id: str, type_id: str) -> None:
    """Associate a volume type with these specs. Raises: NotFound; InvalidState, if it has others."""
    _get_live_row(session, id, lock=True)
    kind = volume_type.get(session, type_id)
    insert_missing(session, QosAssociation, [{"volume_type_id": kind.id, "qos_specs_id": id}])
    carried = select(QosAssociation.qos_specs_id).where(QosAssociation.volume_type_id == kind.id)
    if session.scalar(carried) != id:
        raise InvalidState(
            f"Invalid volume type: Type {kind.id} is already associated with another qos specs: "
            f"{session.scalar(carried)}. Disassociate it first."
        )


def disassociate(session: Session, id: str, type_id: str) -> None:
    """Remove the association of a volume type with these specs, if any. Raises: NotFound."""
    _get_live_row(session, id)
    kind = volume_type.get(session, type_id)
    one = (QosAssociation.qos_specs_id == id, QosAssociation.volume_type_id == kind.id)
    session.execute(delete_rows(QosAssociation).where(*one))


def disassociate_all(session: Session, id: str) -> None:
    """Remove all associations of these specs. Raises: NotFound."""
    _get_live_row(session, id)
    session.execute(delete_rows(QosAssociation).where(QosAssociation.qos_specs_id == id))


def find_for_type(session: Session, kind: records.VolumeType) -> dict[str, object] | None:
    """Return a type's QoS for the scheduler; None, never an empty object, if there is none."""
    if kind.qos_specs_id is None:
        return None
    found = get(session, kind.qos_specs_id)
    return {"consumer": found.consumer, "specs": found.specs} if found.specs else None


def _select_live() -> Select[QosSpec]:
    return select(QosSpec).where(~QosSpec.deleted)


def _get_live_row(session: Session, id: str, *, lock: bool = False) -> QosSpec:
    query = _select_live().where(QosSpec.id == id)
    row = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"No such QoS spec {id}.")
    return row
