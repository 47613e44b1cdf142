"""Backends: their last reports, and whether they are up."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from cgflow import records
from cgflow.db.models import Backend, Snapshot, Volume
from cgflow.db.models.base import select_columns
from cgflow.db.prepared_statements import execute
from cgflow.db.upsert import insert_missing, insert_or_update
from cgflow.drivers.contract import Report
from cgflow.errors import NotFound

_SELECT_BACKENDS = select_columns(Backend).order_by(Backend.name)
_SELECT_BACKEND = _SELECT_BACKENDS.where(Backend.name == bindparam("name"))


def record_report(session: Session, name: str, availability_zone: str, report: Report, now: datetime) -> None:
    """Store a backend's report and mark it as up. The first report registers the backend."""
    row = {
        "name": name,
        "availability_zone": availability_zone,
        "report": asdict(replace(report, incidents=())),
        "reported_at": now,
        "is_up": True,
        "reason": None,
    }
    insert_or_update(session, Backend, [row])


def mark_down(
    session: Session, name: str, reason: str, now: datetime, *, availability_zone: str | None = None
) -> None:
    """Mark a backend as down, with the reason. Its last report is kept.

    ``reported_at`` becomes the time at which it went down, and keeps that value while it is down. A
    backend that has never reported is registered only if its zone is given, with no capacity and no
    capability.
    """
    if availability_zone is not None:
        nothing = asdict(Report(total_gib=0, free_gib=0, provisioned_gib=0, thin=False))
        row = {"name": name, "availability_zone": availability_zone, "report": nothing,
               "reported_at": now, "is_up": False, "reason": reason}  # fmt: skip
        insert_missing(session, Backend, [row])
    was_up = (Backend.name == name) & Backend.is_up
    session.execute(update(Backend).where(was_up).values(is_up=False, reported_at=now))
    session.execute(update(Backend).where(Backend.name == name).values(reason=reason))


def set_disabled(session: Session, name: str, since: datetime | None, reason: str | None) -> None:
    """Disable a backend for new resources, or enable it again if ``since`` is None. Raises: NotFound."""
    get(session, name)
    values = {"disabled_at": since, "disabled_reason": reason}
    session.execute(update(Backend).where(Backend.name == name).values(**values))


def set_frozen(session: Session, name: str, since: datetime | None) -> None:
    """Forbid making and changing resources on a backend, or allow it if ``since`` is None.

    Raises: NotFound.
    """
    get(session, name)
    session.execute(update(Backend).where(Backend.name == name).values(frozen_at=since))


def is_frozen(session: Session, name: str) -> bool:
    """Return whether a backend is known and frozen."""
    row = execute(session, _SELECT_BACKEND, name=name).one_or_none()
    return row is not None and row.frozen_at is not None


def get(session: Session, name: str) -> records.Backend:
    """Return one backend. Raises: NotFound."""
    row = execute(session, _SELECT_BACKEND, name=name).one_or_none()
    if row is None:
        raise NotFound(f"Backend {name} could not be found.")
    return Backend.to_record(row)


def all(session: Session) -> list[records.Backend]:
    """Return every known backend, up or down, by name."""
    return [Backend.to_record(row) for row in execute(session, _SELECT_BACKENDS)]


def volume_counts(session: Session) -> dict[str, int]:
    """Return the number of live volumes of each backend; a backend without any is left out."""
    live = select(Volume.host, func.count()).where(~Volume.deleted, Volume.host.is_not(None))
    return {host: count for host, count in session.execute(live.group_by(Volume.host)) if host}


def loads_by_project(session: Session, name: str) -> list[records.BackendLoad]:
    """Return what a backend stores: first of all projects together, then of each project, by project id."""
    volumes = _count_by_project(session, Volume.size, Volume.id, name)
    snapshots = _count_by_project(session, Snapshot.size, Snapshot.id, name, Snapshot.volume_id == Volume.id)
    nothing = (0, 0)
    each = [
        records.BackendLoad(
            project_id=project_id,
            volumes=volumes.get(project_id, nothing)[0],
            volume_gib=volumes.get(project_id, nothing)[1],
            snapshots=snapshots.get(project_id, nothing)[0],
            snapshot_gib=snapshots.get(project_id, nothing)[1],
        )
        for project_id in sorted(volumes.keys() | snapshots.keys())
    ]
    total = records.BackendLoad(
        project_id=None,
        volumes=sum(load.volumes for load in each),
        volume_gib=sum(load.volume_gib for load in each),
        snapshots=sum(load.snapshots for load in each),
        snapshot_gib=sum(load.snapshot_gib for load in each),
    )
    return [total, *each]


def _count_by_project(
    session: Session, size: Any, id: Any, name: str, *of_volume: Any
) -> dict[str, tuple[int, int]]:
    model = id.class_
    query = select(model.project_id, func.count(id), func.sum(size)).where(
        Volume.host == name, ~model.deleted, *of_volume
    )
    rows = session.execute(query.group_by(model.project_id))
    return {project_id: (count, int(gib)) for project_id, count, gib in rows}
