"""A btrfs for tests, on a loop device over a file in memory, and clients that open files on it."""

from __future__ import annotations

import mmap
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cgflow.drivers.btrfs.driver import BtrfsDriver
from cgflow.drivers.btrfs.layout import no_trace
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from tests.support.requirements import require, skip_or_fail

MIB = 1 << 20
BLOCK = 4096
_MEMORY = Path("/dev/shm")
_PREFIX = "cgflow-btrfs-"

DIRECT = os.O_DIRECT | os.O_DSYNC
"""Flags with which a client must open a volume's file to get what the cut promises."""


@contextmanager
def btrfs_mounted(size_mib: int = 4096, *options: str) -> Iterator[Path]:
    """Create and mount a btrfs.

    Its image file is unnamed and its loop device detaches itself, so only a mount can be left behind.
    """
    if os.geteuid() != 0:
        skip_or_fail("only root can mount a btrfs")
    require("mkfs.btrfs")
    _unmount_leftovers_of_killed_runs()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_MEMORY))
    image, place = folder / "image", folder / "m"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(size_mib * MIB)
    subprocess.run(["mkfs.btrfs", "-q", *options, str(image)], check=True, capture_output=True)
    done = subprocess.run(
        ["mount", "-t", "btrfs", "-o", "loop", str(image), str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    image.unlink()
    if done.returncode != 0:
        shutil.rmtree(folder)
        skip_or_fail(f"a btrfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        _unmount(place)
        shutil.rmtree(folder)


def _unmount(place: Path) -> None:
    # A process that still has a file open there loses nothing of value.
    while os.path.ismount(place):
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _unmount_leftovers_of_killed_runs() -> None:
    """Unmount what a killed test run has left. Another run may be doing the same."""
    for folder in _MEMORY.glob(f"{_PREFIX}*"):
        found = re.match(rf"{_PREFIX}(\d+)-", folder.name)
        if found and not Path("/proc", found[1]).exists() and (folder / "m").exists():
            _unmount(folder / "m")
            shutil.rmtree(folder, ignore_errors=True)


class BtrfsDriverFixture:
    """Starts one driver after another on the same folder of a btrfs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.driver = BtrfsDriver(path)

    @property
    def folder(self) -> Path:
        """The folder of the backend."""
        return self.path / "btrfs"

    def start(self, trace: Callable[[str], None] = no_trace) -> BtrfsDriver:
        """Stop the current driver and start a new one, as the next process would."""
        self.driver.stop()
        self.driver = BtrfsDriver(self.path, trace=trace)
        self.driver.start()
        return self.driver

    def make_group(self, count: int, group_id: str = "g") -> list[VolumeSpec]:
        """Create a consistency group with volumes named after it."""
        volumes = [VolumeSpec(f"{group_id}{index}", 1, group_id) for index in range(count)]
        self.driver.create_group(group_id)
        for volume in volumes:
            self.driver.create_volume(volume)
        return volumes

    def clean(self) -> None:
        self.driver.stop()


class OpenFile:
    """A client of a volume or of an exported snapshot: it holds the file open until it is closed."""

    def __init__(self, path: object, flags: int = DIRECT, *, writable: bool = True) -> None:
        self._descriptor = os.open(str(path), flags | (os.O_RDWR if writable else os.O_RDONLY))

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)

    def is_of(self, path: object) -> bool:
        """Whether the open file is the one that the path names now."""
        return os.path.samestat(os.fstat(self._descriptor), os.stat(str(path)))

    def write(self, offset: int, data: bytes, *, fua: bool = False) -> None:
        # O_DIRECT needs aligned memory, which mmap provides.
        with mmap.mmap(-1, len(data)) as buffer:
            buffer[:] = data
            assert os.pwritev(self._descriptor, [buffer], offset) == len(data)

    def read(self, offset: int, length: int) -> bytes:
        with mmap.mmap(-1, length) as buffer:
            count = os.preadv(self._descriptor, [buffer], offset)
            return buffer[:count]


def open_volume(driver: BtrfsDriver, volume: VolumeSpec, flags: int = DIRECT) -> OpenFile:
    """Open the file of a volume as a client does."""
    return OpenFile(driver.connection(volume).data["device_path"], flags)


def write_block(driver: BtrfsDriver, volume: VolumeSpec, value: int, offset: int = 0) -> None:
    """Open a volume as a client, write one block of a byte value, and close it."""
    with open_volume(driver, volume) as file:
        file.write(offset, bytes([value]) * BLOCK)


def read_block(driver: BtrfsDriver, volume: VolumeSpec, offset: int = 0) -> int:
    """Open a volume as a client, read one block, and return the one byte value in it."""
    with open_volume(driver, volume) as file:
        return single_byte_value(file.read(offset, BLOCK))


def read_snapshot_block(driver: BtrfsDriver, snapshot: SnapshotSpec, offset: int = 0) -> int:
    """Export a snapshot, read one block, and withdraw it."""
    path = driver.export_snapshot(snapshot).data["device_path"]
    with OpenFile(path, 0, writable=False) as file:
        found = single_byte_value(file.read(offset, BLOCK))
    driver.unexport_snapshot(snapshot)
    return found


def single_byte_value(block: bytes) -> int:
    (value,) = set(block)
    return value


def snapshot_specs(volumes: list[VolumeSpec], name: str) -> list[SnapshotSpec]:
    """Return the snapshot specs of a cgsnapshot."""
    return [SnapshotSpec(f"{name}.{volume.id}", volume.id, name, volume.group_id) for volume in volumes]


def take_cgsnapshot(driver: BtrfsDriver, volumes: list[VolumeSpec], name: str) -> list[SnapshotSpec]:
    """Take a cgsnapshot, as a flow does."""
    copies = snapshot_specs(volumes, name)
    for copy in copies:
        driver.prepare(copy)
    driver.cut(name, copies[0].group_id, copies)
    return copies
