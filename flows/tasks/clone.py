"""Steps that make a volume from a copy."""

from __future__ import annotations

from collections.abc import Mapping

from cgflow.drivers.contract import Cloning, SnapshotSpec, VolumeSpec
from cgflow.errors import FinalDriverError
from flows.driver_calls import call_with_retry, verify_volume
from flows.tasks.driver import CreateVolume, Drivers

Source = Mapping[str, str | None]
"""A copy as a driver sees it: ``id``, ``volume_id``, ``cgsnapshot_id`` and ``group_id``."""


def cloning_driver(drivers: Drivers, host: str) -> Cloning:
    """Return the driver of a backend as one that clones. Raises: FinalDriverError if it can not."""
    driver = drivers[host]
    if not isinstance(driver, Cloning):
        raise FinalDriverError(f"Backend {host} cannot make a volume from a snapshot.")
    return driver


def as_source(copy: SnapshotSpec) -> dict[str, str | None]:
    """Return a copy as a symbol."""
    return {
        "id": copy.id,
        "volume_id": copy.volume_id,
        "cgsnapshot_id": copy.cgsnapshot_id,
        "group_id": copy.group_id,
    }


class CloneVolume(CreateVolume):
    """Make a volume that holds what a copy holds, and export it.

    Revert: remove it.
    """

    atom = "driver.clone_volume"

    def execute(  # type: ignore[override]  # a step is called by the names in its signature
        self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None, source: Source
    ) -> None:
        volume = VolumeSpec(resource_id, size, group_id)
        call_with_retry(cloning_driver(drivers, host).clone_volume, volume, SnapshotSpec(**source))  # type: ignore[arg-type]
        verify_volume(drivers[host], volume, size)
