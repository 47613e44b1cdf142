"""btrfs: one snapshot of a subvolume with files, compared with the driver's on the same mount."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.storage.contender import DriverContender
from benchmarks.storage.place import Place
from cgflow.drivers.btrfs import system_calls
from cgflow.drivers.btrfs.driver import BtrfsDriver
from cgflow.drivers.contract import JSON, SnapshotSpec
from tests.support.btrfs_fixture import BtrfsDriverFixture, btrfs_mounted

GIB = 1 << 30
SIZE_MIB = 8192


class Bare:
    """A subvolume and the kernel's snapshots of it."""

    def __init__(self, folder: Path, members: int) -> None:
        self._folder = folder
        self._names = [f"v{number}" for number in range(members)]
        self._cuts = 0
        system_calls.create_subvolume(folder / "live")
        for name in self._names:
            with system_calls.open_descriptor(folder / "live" / name, os.O_CREAT | os.O_RDWR) as file:
                os.ftruncate(file, GIB)

    def members(self) -> list[JSON]:
        """See Contender."""
        return [_address(self._folder / "live" / name, read_only=False) for name in self._names]

    def prepare(self) -> None:
        """See Contender."""

    def cut(self) -> None:
        """See Contender."""
        self._cuts += 1
        with system_calls.open_descriptor(self._folder / "live", os.O_RDONLY | os.O_DIRECTORY) as live:
            system_calls.snapshot_subvolume(live, self._folder / f"c{self._cuts}")

    def snapshots(self) -> list[JSON]:
        """See Contender."""
        return [_address(self._folder / f"c{self._cuts}" / name, read_only=True) for name in self._names]

    def release_snapshots(self) -> None:
        """See Contender."""


class OnMount:
    """Folders on one btrfs file system."""

    kind = "btrfs"
    python = sys.executable

    def __init__(self, mount: Path) -> None:
        self._mount = mount

    @contextmanager
    def bare(self, members: int) -> Iterator[Bare]:
        """See Place."""
        yield Bare(self._folder(), members)

    @contextmanager
    def ours(self, members: int) -> Iterator[DriverContender]:
        """See Place. Snapshots are read in place, like those of the bare mechanism."""
        bench = BtrfsDriverFixture(self._folder())
        try:
            driver = bench.start()
            yield DriverContender(driver, members, lambda copy: _found(driver, copy))
        finally:
            bench.clean()

    def section(self) -> dict[str, str]:
        """See Place."""
        return {"path": str(self._folder())}

    def _folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._mount))


@contextmanager
def place() -> Iterator[Place]:
    """Yield a new btrfs in memory; skip if none can be mounted."""
    with btrfs_mounted(SIZE_MIB) as mount:
        yield OnMount(mount)


def _found(driver: BtrfsDriver, copy: SnapshotSpec) -> JSON:
    cut = Path(str(driver.snapshot(copy)["subvolume"]))
    return _address(cut / "volumes" / copy.volume_id, read_only=True)


def _address(path: Path, *, read_only: bool) -> JSON:
    return {"device_path": str(path), "read_only": read_only}
