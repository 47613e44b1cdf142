"""The parts of the service: who has reported, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cgflow import bookkeeping, clock
from cgflow.db.models import Service
from cgflow.db.repositories import backend as backends
from cgflow.db.upsert import insert_or_update

API, CONDUCTOR, VOLUME = "cgflow-api", "cgflow-conductor", "cgflow-volume"


def beat(session: Session, binaries: Iterable[str], host: str, availability_zone: str) -> None:
    """Note that these parts are alive on a host now."""
    now = clock.now()
    rows = [
        asdict(
            bookkeeping.Service(
                binary=binary, host=host, availability_zone=availability_zone, reported_at=now
            )
        )
        for binary in sorted(binaries)
    ]
    insert_or_update(session, Service, rows)


def all(session: Session, *, down_s: int) -> list[bookkeeping.ServiceState]:
    """Return every part that has ever reported, and each backend as a part of its own, by name.

    One that has been silent for more than ``down_s`` seconds is down.
    """
    since = clock.now() - timedelta(seconds=down_s)
    parts = [
        bookkeeping.ServiceState(**vars(row.to_record()), is_up=row.reported_at >= since)
        for row in session.scalars(select(Service))
    ]
    holding = [
        bookkeeping.ServiceState(
            binary=VOLUME,
            host=backend.name,
            availability_zone=backend.availability_zone,
            reported_at=backend.reported_at,
            is_up=backend.is_up and backend.reported_at >= since,
            is_disabled=backend.disabled_at is not None,
            disabled_reason=backend.disabled_reason,
        )
        for backend in backends.all(session)
    ]
    return sorted([*parts, *holding], key=lambda part: (part.binary, part.host))
