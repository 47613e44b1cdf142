"""Clients that open files themselves are found by the kernel's leases, and cut off where necessary."""

import errno
import mmap
import os
import threading
from pathlib import Path

import pytest

from cgflow.drivers.btrfs import system_calls
from cgflow.drivers.contract import VolumeSpec
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.btrfs_fixture import (
    BLOCK,
    BtrfsDriverFixture,
    OpenFile,
    open_volume,
    read_block,
    read_snapshot_block,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)

pytestmark = pytest.mark.real

G0 = VolumeSpec("g0", 1, "g")


@pytest.fixture
def bench(btrfs_folder: Path):
    bench = BtrfsDriverFixture(btrfs_folder)
    bench.start()
    bench.make_group(2)
    bench.driver.create_group("h")
    yield bench
    bench.clean()


@pytest.fixture
def copies(bench):
    """A cgsnapshot of A; the volumes hold B."""
    volumes = [G0, VolumeSpec("g1", 1, "g")]
    for volume in volumes:
        write_block(bench.driver, volume, ord("A"))
        write_block(bench.driver, volume, ord("A"), BLOCK)
    copies = take_cgsnapshot(bench.driver, volumes, "a")
    for volume in volumes:
        write_block(bench.driver, volume, ord("B"))
        write_block(bench.driver, volume, ord("B"), BLOCK)
    return copies


def test_a_client_is_told_how_to_open_the_file_and_what_the_cut_holds_then(bench, copies):
    data = bench.driver.connection(G0).data
    assert data["open_with"] == ["O_DIRECT", "O_DSYNC"]
    promise = str(data["promise"])
    assert "O_DIRECT" in promise
    assert "Buffered writes get what a power failure would leave" in promise
    evidence = bench.driver.cut("a", "g", copies)
    assert (evidence["promise"], evidence["level"], evidence["skew_ms"]) == (promise, "crash", 0.0)
    assert bench.driver.report().capabilities["cut_level"] == "crash"


def hold_mapped(path: str):
    """Map a file and close it."""
    descriptor = os.open(path, os.O_RDWR)
    held = mmap.mmap(descriptor, BLOCK)
    os.close(descriptor)
    return held


@pytest.mark.parametrize(
    "hold",
    [
        pytest.param(lambda path: OpenFile(path), id="writer"),
        pytest.param(lambda path: OpenFile(path, 0, writable=False), id="reader"),
        pytest.param(hold_mapped, id="mapped"),
    ],
)
def test_whoever_has_the_file_in_use_makes_calls_busy(bench, copies, hold):
    driver = bench.driver
    driver.extend_volume(G0, 2)
    held = hold(str(driver.connection(G0).data["device_path"]))
    for call in (
        lambda: driver.extend_volume(G0, 1),
        lambda: driver.move_volume(G0, "h"),
        lambda: driver.restore("r", copies),
    ):
        before = driver.inventory()
        with pytest.raises(BusyDriverError, match="while a client has .*g0 open: disconnect it"):
            call()
        assert driver.inventory() == before
    held.close()
    assert read_block(driver, G0) == ord("B")
    driver.restore("r", copies)
    driver.undo_restore("r", copies)
    driver.extend_volume(G0, 1)
    driver.move_volume(G0, "h")


def test_a_reader_of_a_copy_holds_a_move_up(bench, copies):
    driver = bench.driver
    reader = OpenFile(driver.export_snapshot(copies[0]).data["device_path"], 0, writable=False)
    with pytest.raises(BusyDriverError, match="a client has .*cuts/a/volumes/g0 open"):
        driver.move_volume(G0, "h")
    reader.close()
    driver.move_volume(G0, "h")
    assert driver.inventory().exports == {"a.g0"}


def test_a_file_grows_under_its_client(bench):
    with open_volume(bench.driver, G0) as file:
        bench.driver.extend_volume(G0, 2)
        file.write((2 << 30) - BLOCK, b"Z" * BLOCK)
    assert read_block(bench.driver, G0, (2 << 30) - BLOCK) == ord("Z")


def test_whoever_opens_a_volume_while_it_is_restored_waits_and_gets_the_restored_one(bench, copies):
    seen: list[bytes] = []

    def client() -> None:
        with open_volume(bench.driver, G0) as file:
            seen.append(file.read(0, BLOCK))

    late = threading.Thread(target=client)

    def trace(point: str) -> None:
        if point == "restore:after-kept":
            late.start()
            await_lease_break(bench, "g0")

    bench.start(trace).restore("r", copies)
    late.join()
    assert seen == [b"A" * BLOCK]


def test_whoever_opens_a_volume_while_its_restore_fails_has_the_volume(bench, copies):
    """The client writes to the volume, not to a file that the failed restore discards."""

    def client() -> None:
        with open_volume(bench.driver, G0) as file:
            file.write(0, b"W" * BLOCK)

    late = threading.Thread(target=client)

    def trace(point: str) -> None:
        if point == "restore:after-fill" and not late.ident:
            late.start()
            await_lease_break(bench, "g0")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    driver = bench.start(trace)
    with pytest.raises(FinalDriverError, match="the storage is full"):
        driver.restore("r", copies)
    late.join()
    assert (read_block(driver, G0), read_block(driver, G0, BLOCK)) == (ord("W"), ord("B"))
    assert read_block(driver, VolumeSpec("g1", 1, "g")) == ord("B")
    assert driver.inventory().restores == frozenset()
    assert driver.inventory().problems == ()


def test_whoever_opens_a_volume_while_it_moves_stops_the_move(bench, copies):
    late: list[threading.Thread] = []

    def client(path: str) -> None:
        with OpenFile(path) as file:
            file.write(0, b"W" * BLOCK)

    def found_before_it_went(files, doing):
        """Simulate a client that found the path just before the volume was hidden, and opens it now."""
        descriptor = os.open(next(iter(files)), os.O_PATH)
        late.append(threading.Thread(target=client, args=(f"/proc/self/fd/{descriptor}",)))
        return system_calls.hold_exclusive_leases(files, doing)

    def trace(point: str) -> None:
        if point == "move:after-copies" and late and not late[0].ident:
            late[0].start()
            await_lease_break(bench, "g0", "away")

    driver = bench.start(trace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cgflow.drivers.btrfs.regrouping.hold_exclusive_leases", found_before_it_went)
        with pytest.raises(BusyDriverError, match="while a client opens g0: try again"):
            driver.move_volume(G0, "h")
    late[0].join()
    assert read_block(driver, G0) == ord("W")
    assert driver.inventory("h").volumes == frozenset()
    assert driver.inventory().problems == ()


def await_lease_break(bench: BtrfsDriverFixture, volume: str, place: str = "volumes") -> None:
    """Return when a process waits to open a file that is under a lease, as the kernel reports it."""
    inode = (bench.folder / "homes" / "g" / "live" / place / volume).stat().st_ino
    while not any(
        " LEASE " in line and "BREAKING" in line and line.split()[5].endswith(f":{inode}")
        for line in Path("/proc/locks").read_text().splitlines()
    ):
        os.sched_yield()


def test_a_client_of_a_volume_that_is_deleted_or_put_back_is_cut_off(bench, copies):
    driver = bench.driver
    driver.restore("r", copies)
    stale = open_volume(driver, G0)
    driver.undo_restore("r", copies)
    stale.write(0, b"S" * BLOCK)
    assert read_block(driver, G0) == ord("B")
    stale.close()

    (other,) = snapshot_specs([VolumeSpec("g1", 1, "g")], "a")
    driver.delete_snapshot(other)
    stale = open_volume(driver, VolumeSpec("g1", 1, "g"))
    driver.delete_volume(VolumeSpec("g1", 1, "g"))
    stale.write(0, b"S" * BLOCK)
    driver.create_volume(VolumeSpec("g1", 1, "g"))
    assert read_block(driver, VolumeSpec("g1", 1, "g")) == 0
    stale.close()


def test_a_reader_of_a_copy_that_is_deleted_goes_on_reading_and_nobody_else_begins(bench, copies):
    driver = bench.driver
    path = driver.export_snapshot(copies[0]).data["device_path"]
    with OpenFile(path, 0, writable=False) as reader:
        for copy in copies:
            driver.delete_snapshot(copy)
        assert reader.read(0, BLOCK) == b"A" * BLOCK
        with pytest.raises(FileNotFoundError):
            OpenFile(path, 0, writable=False)


def test_a_copy_cannot_be_written(bench, copies):
    path = bench.driver.export_snapshot(copies[0]).data["device_path"]
    with pytest.raises(OSError, match="Read-only file system"):
        OpenFile(path)


def test_what_nobody_asked_for_is_not_in_the_cut(bench, copies):
    driver = bench.driver
    driver.restore("r", copies[:1])
    other = VolumeSpec("g1", 1, "g")
    (copy,) = take_cgsnapshot(driver, [other], "some")
    cut = bench.folder / "homes" / "g" / "cuts" / "some"
    assert sorted(str(path.relative_to(cut)) for path in cut.rglob("*") if path.is_file()) == ["volumes/g1"]
    assert read_snapshot_block(driver, copy) == ord("B")
