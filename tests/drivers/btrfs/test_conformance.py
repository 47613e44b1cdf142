"""The btrfs driver keeps the contract, on a real btrfs, with clients that open the files themselves."""

import threading
from pathlib import Path

import pytest

from cgflow.drivers.btrfs.driver import BtrfsDriver
from cgflow.drivers.conformance import DriverConformance, Harness
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from tests.support.btrfs_fixture import BtrfsDriverFixture, OpenFile

pytestmark = pytest.mark.real


class OnFiles:
    """A backend whose clients keep each file open, and open it again when its address has changed."""

    def __init__(self, path: Path) -> None:
        self.bench = BtrfsDriverFixture(path)
        self.bench.start()
        self._lock = threading.Lock()
        self._files: dict[str, tuple[object, OpenFile]] = {}

    @property
    def driver(self) -> BtrfsDriver:
        return self.bench.driver

    def write(self, volume: VolumeSpec, offset_bytes: int, data: bytes) -> None:
        self._file(volume).write(offset_bytes, data)

    def read(self, volume: VolumeSpec, offset_bytes: int, length_bytes: int) -> bytes:
        return self._file(volume).read(offset_bytes, length_bytes)

    def read_snapshot(self, snapshot: SnapshotSpec, offset_bytes: int, length_bytes: int) -> bytes:
        path = self.driver.export_snapshot(snapshot).data["device_path"]
        with OpenFile(path, 0, writable=False) as file:
            return file.read(offset_bytes, length_bytes)

    def disconnect(self, volume: VolumeSpec) -> None:
        with self._lock:
            _, file = self._files.pop(volume.id, (None, None))
        if file is not None:
            file.close()

    def restart(self) -> None:
        # Within one process, a dead driver's lock must be released explicitly, which is all that stop does.
        self.bench.start()

    def close(self) -> None:
        for _, file in self._files.values():
            file.close()
        self.bench.clean()

    def _file(self, volume: VolumeSpec) -> OpenFile:
        path = self.driver.connection(volume).data["device_path"]
        with self._lock:
            known, file = self._files.get(volume.id, (None, None))
            if file is None or known != path or not file.is_of(path):
                if file is not None:
                    file.close()
                file = OpenFile(path)
                self._files[volume.id] = (path, file)
            return file


class TestBtrfs(DriverConformance):
    @pytest.fixture(autouse=True)
    def _place(self, btrfs_folder: Path) -> None:
        self._folder = btrfs_folder

    def make(self) -> Harness:
        return OnFiles(self._folder)
