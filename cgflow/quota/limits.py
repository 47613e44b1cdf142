"""Quota limits: a project's own, and the defaults of all projects.

The limit is the first that exists of: the project's, the default class's, the built-in one, none
(-1). Per-type resources have no built-in limit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import bindparam, delete, literal, select, union_all
from sqlalchemy.orm import Session

from cgflow.db.models import Quota, QuotaClass, VolumeType
from cgflow.db.models.services import DEFAULT_CLASS
from cgflow.db.prepared_statements import execute
from cgflow.db.repositories.volume_type import usable_by_condition
from cgflow.db.upsert import insert_or_update
from cgflow.errors import InvalidInput, QuotaExceeded
from cgflow.quota import usage
from cgflow.quota.deltas import (
    BACKUP_GIGABYTES,
    BACKUPS,
    GIGABYTES,
    GROUPS,
    PER_VOLUME_GIGABYTES,
    SNAPSHOTS,
    TOTALS,
    UNCOUNTED,
    VOLUMES,
    type_resource_names,
)
from cgflow.records import QuotaLine

UNLIMITED = -1
SHIPPED = {GROUPS: 10, VOLUMES: 10, SNAPSHOTS: 10, GIGABYTES: 1000}

_DEFAULTS = {**SHIPPED, BACKUPS: 0, BACKUP_GIGABYTES: 0}
_LARGEST = 2**31 - 1

_RESOURCES: Any = bindparam("resources", expanding=True)
_SELECT_DEFAULTS = select(literal(False).label("is_own"), QuotaClass.resource, QuotaClass.hard_limit).where(
    QuotaClass.class_name == DEFAULT_CLASS, QuotaClass.resource.in_(_RESOURCES)
)
_SELECT_LIMITS = union_all(
    _SELECT_DEFAULTS,
    select(literal(True).label("is_own"), Quota.resource, Quota.hard_limit).where(
        Quota.project_id == bindparam("project_id"), Quota.resource.in_(_RESOURCES)
    ),
)


def limits_and_usage(
    session: Session, project_id: str, *, user_project_id: str | None = None
) -> list[QuotaLine]:
    """Return limit, usage and reservations of every quota resource of a project, per-type ones last.

    With ``user_project_id``, include only volume types that this project may use.
    """
    names = _resource_names(session, user_project_id)
    limits = effective_limits(session, project_id, names)
    usages = usage.read(session, project_id, names)
    return [
        QuotaLine(resource=name, limit=limits[name], in_use=used.in_use, reserved=used.reserved)
        for name, used in usages.items()
    ]


def effective_limits(session: Session, project_id: str, resources: Collection[str]) -> dict[str, int]:
    """Return the effective limit of each of these quota resources for a project."""
    rows = execute(session, _SELECT_LIMITS, project_id=project_id, resources=list(resources)).all()
    # The project's own limits come last.
    found = {row.resource: row.hard_limit for row in sorted(rows, key=lambda row: row.is_own)}
    return {name: found.get(name, _DEFAULTS.get(name, UNLIMITED)) for name in resources}


def default_limits(session: Session, *, user_project_id: str | None = None) -> dict[str, int]:
    """Return the default limit of every quota resource; ``user_project_id`` is as in ``limits_and_usage``."""
    names = _resource_names(session, user_project_id)
    found = {row.resource: row.hard_limit for row in execute(session, _SELECT_DEFAULTS, resources=names)}
    return {name: found.get(name, _DEFAULTS.get(name, UNLIMITED)) for name in names}


def check_volume_size(session: Session, project_id: str, size: int) -> None:
    """Check a volume's size in GiB against the project's limit. Raises: QuotaExceeded."""
    limit = effective_limits(session, project_id, [PER_VOLUME_GIGABYTES])[PER_VOLUME_GIGABYTES]
    if limit != UNLIMITED and size > limit:
        raise QuotaExceeded(
            f"Requested volume size {size}G is larger than maximum allowed limit {limit}G "
            f"({PER_VOLUME_GIGABYTES})."
        )


def set_limits(session: Session, project_id: str, limits: Mapping[str, int]) -> None:
    """Set limits of a project; those not named are kept. Raises: InvalidInput, and sets none.

    A limit may be below the usage: existing resources are kept, but no new ones are accepted.
    """
    _check_limits(session, limits)
    rows = [{"project_id": project_id, "resource": name, "hard_limit": n} for name, n in limits.items()]
    insert_or_update(session, Quota, rows)


def reset_limits(session: Session, project_id: str) -> None:
    """Delete a project's own limits, so that the defaults apply again."""
    session.execute(delete(Quota).where(Quota.project_id == project_id))


def set_default_limits(session: Session, limits: Mapping[str, int]) -> None:
    """Set limits of the default class; those not named are kept. Raises: InvalidInput, and sets none."""
    _check_limits(session, limits)
    rows = [{"class_name": DEFAULT_CLASS, "resource": name, "hard_limit": n} for name, n in limits.items()]
    insert_or_update(session, QuotaClass, rows)


def reset_default_limits(session: Session) -> None:
    """Restore the built-in limits."""
    session.execute(delete(QuotaClass).where(QuotaClass.class_name == DEFAULT_CLASS))


def _resource_names(session: Session, user_project_id: str | None = None) -> list[str]:
    types = select(VolumeType.name).where(~VolumeType.deleted).order_by(VolumeType.name)
    if user_project_id is not None:
        types = types.where(usable_by_condition(user_project_id))
    return [*TOTALS, *UNCOUNTED, *type_resource_names(session.scalars(types))]


def _check_limits(session: Session, limits: Mapping[str, int]) -> None:
    known = _resource_names(session)
    for name, limit in limits.items():
        if name not in known:
            raise InvalidInput(f"There is no quota named '{name}'. Valid values: {', '.join(known)}.", name)
        if isinstance(limit, bool) or not isinstance(limit, int) or not UNLIMITED <= limit <= _LARGEST:
            raise InvalidInput(
                f"The limit of '{name}' cannot be {limit!r}: give a whole number from 0 to {_LARGEST}, "
                f"or {UNLIMITED} for no limit.",
                name,
            )
