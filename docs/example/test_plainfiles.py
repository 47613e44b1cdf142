"""Runs the conformance suite against the driver of plain files."""

import os
import tempfile
import threading
from pathlib import Path

from plainfiles import PlainFiles

from cgflow.drivers.conformance import DriverConformance, Harness
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec


class InFolder:
    """A backend in a temporary folder, and clients that open its files."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self._opened: dict[str, int] = {}
        self._lock = threading.Lock()
        self.driver = self._started()

    def write(self, volume: VolumeSpec, offset_bytes: int, data: bytes) -> None:
        os.pwrite(self._client(volume), data, offset_bytes)

    def read(self, volume: VolumeSpec, offset_bytes: int, length_bytes: int) -> bytes:
        return os.pread(self._client(volume), length_bytes, offset_bytes)

    def read_snapshot(self, snapshot: SnapshotSpec, offset_bytes: int, length_bytes: int) -> bytes:
        with Path(str(self.driver.export_snapshot(snapshot).data["device_path"])).open("rb") as file:
            return os.pread(file.fileno(), length_bytes, offset_bytes)

    def disconnect(self, volume: VolumeSpec) -> None:
        with self._lock:
            opened = self._opened.pop(volume.id, None)
            if opened is not None:
                os.close(opened)

    def restart(self) -> None:
        self.driver.stop()  # a killed process releases its lock, and nothing more happens
        self.driver = self._started()

    def close(self) -> None:
        self.driver.stop()
        for opened in self._opened.values():
            os.close(opened)
        self.folder.cleanup()

    def _started(self) -> PlainFiles:
        driver = PlainFiles(Path(self.folder.name))
        driver.start()
        return driver

    def _client(self, volume: VolumeSpec) -> int:
        with self._lock:
            if volume.id not in self._opened:
                path = str(self.driver.connection(volume).data["device_path"])
                self._opened[volume.id] = os.open(path, os.O_RDWR | os.O_DSYNC)
            return self._opened[volume.id]


class TestPlainFiles(DriverConformance):
    """All rules of the suite."""

    def make(self) -> Harness:
        return InFolder()
