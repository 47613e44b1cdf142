"""A btrfs that is full or not mounted: nothing is created or reported as gone, and deletion continues."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cgflow.drivers.btrfs import system_calls
from cgflow.drivers.btrfs.driver import BtrfsDriver
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.errors import DriverError, FinalDriverError
from tests.support.btrfs_fixture import (
    BLOCK,
    MIB,
    BtrfsDriverFixture,
    btrfs_mounted,
    read_snapshot_block,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real

G0, G1 = VolumeSpec("g0", 1, "g"), VolumeSpec("g1", 1, "g")


def test_a_mount_that_vanished_is_no_empty_backend():
    with btrfs_mounted(256) as place:
        bench = BtrfsDriverFixture(place)
        driver = bench.start()
        bench.make_group(1)
        copy = SnapshotSpec("c", "g0", "c", "g")
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        calls = (
            driver.inventory,
            driver.report,
            lambda: driver.connection(G0),
            lambda: driver.has_snapshot(copy),
            lambda: driver.create_group("h"),
            lambda: driver.create_volume(VolumeSpec("n", 1, "g")),
            lambda: driver.prepare(copy),
            lambda: driver.delete_volume(G0),
        )
        for call in calls:
            with pytest.raises(DriverError, match="is missing .*: mount it again"):
                call()
        assert not any(place.iterdir())
        # A folder of the same name on the underlying file system is a different one.
        (place / "btrfs").mkdir()
        for call in calls:
            with pytest.raises(DriverError, match="another folder is there.*: mount it again"):
                call()
        (place / "btrfs").rmdir()
        bench.clean()


@contextmanager
def filled(*options: str) -> Iterator[BtrfsDriverFixture]:
    """A full btrfs with a group, one cgsnapshot of it, and another one prepared."""
    with btrfs_mounted(160, *options) as place:
        bench = BtrfsDriverFixture(place)
        driver = bench.start()
        volumes = bench.make_group(2)
        for volume in volumes:
            write_block(driver, volume, 1)
        take_cgsnapshot(driver, volumes, "a")
        for copy in snapshot_specs(volumes, "b"):
            driver.prepare(copy)
        for size in (MIB, BLOCK):
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                fill(place / f"ballast-{size}", size)
        yield bench
        bench.clean()


def fill(path: Path, size: int) -> None:
    with system_calls.open_descriptor(path, os.O_CREAT | os.O_WRONLY | os.O_DSYNC) as file:
        while True:
            os.write(file, bytes(size))


@pytest.fixture
def full() -> Iterator[BtrfsDriverFixture]:
    """A btrfs whose data and metadata share the free space, so that both are full."""
    with filled("--mixed") as bench:
        yield bench


def test_a_full_file_system_makes_nothing(full):
    driver, volumes = full.driver, [G0, G1]
    before = driver.inventory()
    a, b = snapshot_specs(volumes, "a"), snapshot_specs(volumes, "b")
    for call in (
        lambda: driver.cut("b", "g", b),
        lambda: driver.create_group("h"),
        lambda: driver.create_volume(VolumeSpec("n", 1, "g")),
        lambda: driver.clone_volume(VolumeSpec("n", 1, "g"), a[0]),
        lambda: driver.restore("r", a),
        lambda: driver.move_volume(G0, None),
    ):
        with pytest.raises(FinalDriverError, match="the storage is full|No space left"):
            call()
        assert driver.inventory() == before
    assert not (full.folder / "homes" / "g" / "cuts" / "b").exists()
    for ballast in full.path.glob("ballast-*"):
        ballast.unlink()
    system_calls.sync_file_system(full.path)
    driver.cut("b", "g", b)
    assert [read_snapshot_block(driver, copy) for copy in (*a, *b)] == [1, 1, 1, 1]


def test_a_full_file_system_is_emptied_though_nothing_can_be_written_down():
    with filled() as full:
        with pytest.raises(FinalDriverError, match="No space left on device; nothing was made"):
            full.driver.prepare(SnapshotSpec("s", "g0", "s", "g"))
        empty(full, full.driver)


def test_a_full_file_system_is_emptied_by_the_next_process(full):
    empty(full, full.start())


def empty(full: BtrfsDriverFixture, driver: BtrfsDriver) -> None:
    for name in "ab":
        for copy in snapshot_specs([G0, G1], name):
            driver.delete_snapshot(copy)
    for volume in (G0, G1):
        driver.delete_volume(volume)
    driver.delete_group("g")
    assert not any((full.folder / "homes").iterdir())
