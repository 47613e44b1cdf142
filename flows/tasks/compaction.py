"""The step that compacts a volume on its backend, in slices until nothing is due."""

from __future__ import annotations

from cgflow.drivers.contract import SupportsCompaction, VolumeSpec
from cgflow.engine.task import Task
from cgflow.errors import FinalDriverError
from flows.driver_calls import call_with_retry, verify_compacted
from flows.tasks.driver import Drivers

SLICE_S = 1.0
"""Length in seconds of one driver call. A stop of the service waits at most about this long."""


def compacting_driver(drivers: Drivers, host: str) -> SupportsCompaction:
    """Return the backend's driver, which must support compaction. Raises: FinalDriverError."""
    driver = drivers[host]
    if not isinstance(driver, SupportsCompaction):
        raise FinalDriverError(f"Backend {host} has no need to compact volumes.")
    return driver


class CompactVolume(Task):
    """Compact the volume until nothing is due. A stop or a cancel takes effect between two slices.

    Revert: nothing to undo.
    """

    atom = "driver.compact_volume"

    def execute(self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None) -> None:
        driver = compacting_driver(drivers, host)
        volume = VolumeSpec(resource_id, size, group_id)
        while not call_with_retry(driver.compact_volume, volume, SLICE_S):
            self.check_not_stopped()
        verify_compacted(driver, volume)
