"""Steps that create a volume from a snapshot."""

from __future__ import annotations

from collections.abc import Mapping

from cgflow.drivers.contract import Cloning, SnapshotSpec, VolumeSpec
from cgflow.errors import FinalDriverError
from flows.driver_calls import call_with_retry, verify_volume
from flows.tasks.driver import CreateVolume, Drivers

Source = Mapping[str, str | None]
"""A snapshot as a driver sees it: ``id``, ``volume_id``, ``cgsnapshot_id`` and ``group_id``."""


def cloning_driver(drivers: Drivers, host: str) -> Cloning:
    """Return the backend's driver, which must support cloning. Raises: FinalDriverError, if it does not."""
    driver = drivers[host]
    if not isinstance(driver, Cloning):
        raise FinalDriverError(f"Backend {host} cannot make a volume from a snapshot.")
    return driver


def as_source(copy: SnapshotSpec) -> dict[str, str | None]:
    """Return a snapshot as a JSON value that can be a symbol of a flow."""
    return {
        "id": copy.id,
        "volume_id": copy.volume_id,
        "cgsnapshot_id": copy.cgsnapshot_id,
        "group_id": copy.group_id,
    }


class CloneVolume(CreateVolume):
    """Create and export a volume with the content of a snapshot.

    Revert: remove it.
    """

    atom = "driver.clone_volume"

    def execute(  # type: ignore[override]  # a step is called by the names in its signature
        self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None, source: Source
    ) -> None:
        volume = VolumeSpec(resource_id, size, group_id)
        call_with_retry(cloning_driver(drivers, host).clone_volume, volume, SnapshotSpec(**source))  # type: ignore[arg-type]
        verify_volume(drivers[host], volume, size)
