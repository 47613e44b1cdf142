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


def resolve_zone(
    session: Session, settings: Settings, wanted: str | None, volume_types: Iterable[records.VolumeType] = ()
) -> str:
    """Return the availability zone for a request that uses these volume types.

    If the request names no zone, return the default zone. If the types do not allow the default
    zone, return the alphabetically first zone that they allow.

    Raises: InvalidInput, if the zone is unknown or a type does not allow it.
    """
    zone = wanted or settings.availability_zone
    known = {found.availability_zone for found in backend.all(session)} | {settings.storage_availability_zone}
    allowed = known
    for volume_type in volume_types:
        if listed := volume_type.extra_specs.get(ZONES_EXTRA_SPEC, ""):
            allowed = allowed & {part.strip() for part in listed.split(",")}
    if wanted is None and allowed and zone not in allowed:
        zone = min(allowed)
    if zone not in known:
        raise InvalidInput(
            f"Invalid input received: Availability zone '{zone}' is invalid. "
            f"Valid values: {', '.join(sorted(known))}.",
            "availability_zone",
        )
    if zone not in allowed:
        zones = ", ".join(sorted(allowed)) or "no known zone"
        raise InvalidInput(
            f"Invalid input received: The volume type does not allow availability zone '{zone}'. "
            f"Its extra spec {ZONES_EXTRA_SPEC} allows {zones}.",
            "availability_zone",
        )
    return zone
