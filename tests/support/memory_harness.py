"""Clients of a memory backend: one as the conformance suite requires, and one that counts refusals."""

import copy
from collections.abc import Callable

from cgflow.drivers.contract import SnapshotSpec, StorageDriver, VolumeSpec
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import DriverError


class MemoryHarness:
    """A backend that lives in one driver instance; ``wrap`` may wrap the driver."""

    def __init__(
        self, storage: MemoryDriver, wrap: Callable[[StorageDriver], StorageDriver] = lambda driver: driver
    ) -> None:
        self.storage = storage
        self.driver = wrap(storage)
        self._wrap = wrap

    def another(self) -> StorageDriver:
        """Return another driver on the same objects, as if in another process."""
        return self._wrap(copy.copy(self.storage))

    def write(self, volume: VolumeSpec, offset_bytes: int, data: bytes) -> None:
        self.storage.write(volume.id, offset_bytes, data)

    def read(self, volume: VolumeSpec, offset_bytes: int, length_bytes: int) -> bytes:
        return self.storage.read(volume.id, offset_bytes, length_bytes)

    def read_snapshot(self, snapshot: SnapshotSpec, offset_bytes: int, length_bytes: int) -> bytes:
        return self.storage.read_snapshot(snapshot.id, offset_bytes, length_bytes)

    def disconnect(self, volume: VolumeSpec) -> None:
        """Does nothing: these clients hold no connection."""

    def restart(self) -> None:
        self.driver.start()

    def close(self) -> None:
        self.driver.stop()


def create_volume_outcomes(driver: StorageDriver, count: int) -> str:
    """Return one letter for each create_volume: '.' if it succeeded, otherwise the first of its error."""
    seen = ""
    for number in range(count):
        try:
            driver.create_volume(VolumeSpec(f"v{number}", 1, "g"))
        except DriverError as error:
            seen += error.slug.removeprefix("driver_")[0]
        else:
            seen += "."
    return seen
