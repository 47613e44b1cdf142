"""The step that has a backend keep a volume fast, and is asked again and again until that is done."""

from __future__ import annotations

from cgflow.drivers.contract import VolumeSpec
from cgflow.drivers.contract.compaction import SupportsCompaction
from cgflow.engine.task import Task
from cgflow.errors import FinalDriverError
from flows.driver_calls import call_with_retry, verify_compacted
from flows.tasks.driver import Drivers

SLICE_S = 1.0
"""Seconds that a driver works at a stretch: for so long a stop of the service waits for it."""


def compacting_driver(drivers: Drivers, host: str) -> SupportsCompaction:
    """Return the driver of a backend as one that compacts. Raises: FinalDriverError if it can not."""
    driver = drivers[host]
    if not isinstance(driver, SupportsCompaction):
        raise FinalDriverError(f"Backend {host} has no need to compact volumes.")
    return driver


class CompactVolume(Task):
    """Work at the volume until nothing is due any more; a stop or a cancel ends it between two stretches.

    Revert: nothing was changed that could be.
    """

    atom = "driver.compact_volume"

    def execute(self, drivers: Drivers, host: str, resource_id: str, size: int, group_id: str | None) -> None:
        driver = compacting_driver(drivers, host)
        volume = VolumeSpec(resource_id, size, group_id)
        while not call_with_retry(driver.compact_volume, volume, SLICE_S):
            self.check_wanted()
        verify_compacted(driver, volume)
