"""Availability zones: the one of a request, checked against those that backends are in."""

from __future__ import annotations

from sqlalchemy.orm import Session

from cgflow.db.repositories import backend
from cgflow.errors import InvalidInput
from cgflow.settings import Settings


def check_zone(session: Session, settings: Settings, wanted: str | None) -> str:
    """Return the zone of a request, the default if it names none. Raises: InvalidInput if it is unknown."""
    zone = wanted or settings.availability_zone
    known = {found.availability_zone for found in backend.all(session)} | {settings.storage_availability_zone}
    if zone not in known:
        raise InvalidInput(
            f"Invalid input received: Availability zone '{zone}' is invalid. "
            f"Known are: {', '.join(sorted(known))}.",
            "availability_zone",
        )
    return zone
