"""Size limits of a volume type, given by the same extra specs as in Cinder."""

from __future__ import annotations

from cgflow import records
from cgflow.errors import InvalidInput

MIN_SIZE = "provisioning:min_vol_size"
MAX_SIZE = "provisioning:max_vol_size"


def check_size_limits(volume_type: records.VolumeType | None, size: int, field: str) -> None:
    """Check a size in GiB against the limits of a volume type. Raises: InvalidInput, naming the field."""
    if volume_type is None:
        return
    smallest, largest = (_limit(volume_type, key) for key in (MIN_SIZE, MAX_SIZE))
    if smallest is not None and size < smallest:
        raise InvalidInput(
            f"Invalid input received: Specified volume size of '{size}' is less than the minimum required "
            f"size of '{smallest}' for volume type '{volume_type.name}'.",
            field,
        )
    if largest is not None and size > largest:
        raise InvalidInput(
            f"Invalid input received: Specified volume size of '{size}' is greater than the maximum "
            f"allowable size of '{largest}' for volume type '{volume_type.name}'.",
            field,
        )


def _limit(volume_type: records.VolumeType, key: str) -> int | None:
    text = volume_type.extra_specs.get(key)
    if not text:
        return None
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise InvalidInput(
            f"Volume type {volume_type.name} has the extra spec {key}={text!r}, which is no size in GiB. "
            "Ask an administrator to correct it.",
            "volume_type",
        )
    return int(text)
