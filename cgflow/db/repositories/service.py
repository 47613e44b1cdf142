"""The processes of the service, and when they last reported.

Rows are stored under cgflow's own binaries and listed under those that Cinder's clients expect:
conductors, which place new resources, are ``cinder-scheduler``. API processes are not listed, as in
Cinder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cgflow import clock, records
from cgflow.db.models import Service
from cgflow.db.repositories import backend as backends
from cgflow.db.upsert import insert_or_update

API, CONDUCTOR = "cgflow-api", "cgflow-conductor"
SCHEDULER, VOLUME = "cinder-scheduler", "cinder-volume"
FROZEN = "frozen"
"""The reason shown for a backend that is disabled because it is frozen."""


def record_heartbeat(session: Session, binaries: Iterable[str], host: str, availability_zone: str) -> None:
    """Record that these binaries on a host are alive now."""
    now = clock.now()
    rows = [
        asdict(
            records.Service(binary=binary, host=host, availability_zone=availability_zone, reported_at=now)
        )
        for binary in sorted(binaries)
    ]
    insert_or_update(session, Service, rows)


def all(session: Session, *, down_s: int) -> list[records.ServiceState]:
    """Return every conductor that has ever reported, and each backend as a service of its own, by name.

    One that has not reported for more than ``down_s`` seconds is down.
    """
    since = clock.now() - timedelta(seconds=down_s)
    parts = [
        records.ServiceState(**vars(row.to_record()) | {"binary": SCHEDULER}, is_up=row.reported_at >= since)
        for row in session.scalars(select(Service).where(Service.binary == CONDUCTOR))
    ]
    holding = [
        records.ServiceState(
            binary=VOLUME,
            host=backend.name,
            availability_zone=backend.availability_zone,
            reported_at=backend.reported_at,
            is_up=backend.is_up and backend.reported_at >= since,
            is_disabled=backend.disabled_at is not None or backend.frozen_at is not None,
            disabled_reason=backend.disabled_reason if backend.frozen_at is None else FROZEN,
            is_frozen=backend.frozen_at is not None,
        )
        for backend in backends.all(session)
    ]
    return sorted([*parts, *holding], key=lambda part: (part.binary, part.host))
