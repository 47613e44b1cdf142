"""Availability zones: validation of the requested zone against the backends and the volume types."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from cgflow import records
from cgflow.config import Settings
from cgflow.db.repositories import backend
from cgflow.errors import InvalidInput

ZONES_EXTRA_SPEC = "RESKEY:availability_zones"
"""Extra spec that lists the zones, separated by commas, in which volumes of a type may be."""


def check_zone(
    session: Session, settings: Settings, wanted: str | None, kinds: Iterable[records.VolumeType] = ()
) -> str:
    """Return the availability zone for a request that uses these volume types.

    If the request names no zone, return the default zone. If the types do not allow the default
    zone, return the alphabetically first zone that they allow.

    Raises: InvalidInput, if the zone is unknown or a type does not allow it.
    """
    zone = wanted or settings.availability_zone
    known = {found.availability_zone for found in backend.all(session)} | {settings.storage_availability_zone}
    allowed = known
    for kind in kinds:
        if told := kind.extra_specs.get(ZONES_EXTRA_SPEC, ""):
            allowed = allowed & {part.strip() for part in told.split(",")}
    if wanted is None and allowed and zone not in allowed:
        zone = min(allowed)
    if zone not in known:
        raise InvalidInput(
            f"Invalid input received: Availability zone '{zone}' is invalid. "
            f"Known are: {', '.join(sorted(known))}.",
            "availability_zone",
        )
    if zone not in allowed:
        where = ", ".join(sorted(allowed)) or "none that is known"
        raise InvalidInput(
            f"Invalid input received: Volumes of the type may not be in availability zone '{zone}': "
            f"its {ZONES_EXTRA_SPEC} allow {where}.",
            "availability_zone",
        )
    return zone
