"""The memory driver keeps the contract; with a file it outlives its process, and refuses a file not its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cgflow.drivers.conformance import DriverConformance
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.memory.driver import MemoryDriver, from_options
from cgflow.errors import AmbiguousDriverError, ConfigError, FinalDriverError


class InMemory:
    """A backend that lives in one driver instance, which is therefore its storage, too."""

    def __init__(self, driver: MemoryDriver | None = None) -> None:
        self.driver = driver or MemoryDriver(capacity_gib=100)
        self.driver.start()

    def write(self, volume, offset_bytes, data):
        self.driver.write(volume.id, offset_bytes, data)

    def read(self, volume, offset_bytes, length_bytes):
        return self.driver.read(volume.id, offset_bytes, length_bytes)

    def read_snapshot(self, snapshot, offset_bytes, length_bytes):
        return self.driver.read_snapshot(snapshot.id, offset_bytes, length_bytes)

    def disconnect(self, volume):
        pass

    def restart(self):
        self.driver.stop()
        self.driver.start()

    def close(self):
        self.driver.stop()


class InFile(InMemory):
    """A backend whose objects are in a file, found by every new instance."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        super().__init__(self._new())

    def _new(self) -> MemoryDriver:
        return from_options({"capacity_gib": 100, "state_dir": self.folder.name})

    def restart(self):
        self.driver = self._new()
        self.driver.start()

    def close(self):
        super().close()
        self.folder.cleanup()


class TestMemory(DriverConformance):
    def make(self):
        return InMemory()


class TestMemoryWithStateFile(DriverConformance):
    def make(self):
        return InFile()
