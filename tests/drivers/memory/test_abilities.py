"""Clones, moves and restores on a memory backend, also with a file."""

from pathlib import Path

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import FinalDriverError

ONE, TWO = VolumeSpec("one", 1, "g"), VolumeSpec("two", 1, "g")
LONE = VolumeSpec("lone", 1)
COPIES = [SnapshotSpec("one-s", "one", "c", "g"), SnapshotSpec("two-s", "two", "c", "g")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "memory.journal"


@pytest.fixture
def driver(file: Path) -> MemoryDriver:
    """Volumes that hold B, with snapshots of them that hold A."""
    driver = opened(file)
    driver.create_group("g")
    driver.create_group("h")
    for volume, copy in zip((ONE, TWO), COPIES, strict=True):
        driver.create_volume(volume)
        driver.write(volume.id, 0, b"A")
        driver.prepare(copy)
    driver.cut("c", "g", COPIES)
    for volume in (ONE, TWO):
        driver.write(volume.id, 0, b"B")
    return driver


def opened(file: Path) -> MemoryDriver:
    driver = MemoryDriver(state_file=file)
    driver.start()
    return driver


def again(file: Path, times: int = 2) -> MemoryDriver:
    """Return what later processes find: first written as events, then written as a complete state."""
    for _ in range(times):
        driver = opened(file)
        driver.stop()
    return opened(file)


def held(driver: MemoryDriver) -> bytes:
    return b"".join(driver.read(id, 0, 1) for id in sorted(driver.inventory().volumes))


def test_clone_outlives_a_restart(driver, file):
    driver.clone_volume(VolumeSpec("three", 2, None), COPIES[0])
    driver.stop()
    later = again(file)
    assert held(later) == b"BAB"
    assert later.report().provisioned_gib == 4


def test_move_outlives_a_restart_with_its_copies(driver, file):
    driver.move_volume(ONE, "h")
    driver.stop()
    later = again(file)
    assert (later.inventory("g").volumes, later.inventory("h").volumes) == ({"two"}, {"one"})
    assert later.inventory("h").snapshots == {"one-s"}
    assert later.snapshot(SnapshotSpec("one-s", "one", "c", "h"))


@pytest.mark.parametrize(("end", "holds"), [("undo_restore", b"BB"), ("finish_restore", b"AA")])
def test_unfinished_restore_outlives_a_restart(driver, file, end, holds):
    driver.restore("r", COPIES)
    assert held(driver) == b"AA"
    driver.stop()
    later = again(file)
    assert held(later) == b"AA"
    getattr(later, end)("r", COPIES)
    assert held(later) == holds
    later.stop()
    assert held(again(file)) == holds


def test_refused_restore_changes_nothing(driver):
    with pytest.raises(FinalDriverError, match="not prepared"):
        driver.restore("r", [COPIES[0], SnapshotSpec("none", "two", "c", "g")])
    assert held(driver) == b"BB"


@pytest.mark.parametrize("copies", [[], [COPIES[0]] * 2, [COPIES[0], SnapshotSpec("s", "lone", "s", None)]])
def test_restore_of_an_odd_list_is_refused(driver, copies):
    with pytest.raises(FinalDriverError, match="one snapshot of each volume"):
        driver.restore("r", copies)


def test_restore_of_other_copies_under_the_same_id_is_refused(driver):
    driver.restore("r", COPIES)
    with pytest.raises(FinalDriverError, match="was made of other snapshots"):
        driver.restore("r", COPIES[:1])


def test_plain_snapshot_of_a_volume_in_no_group(driver):
    driver.create_volume(LONE)
    plain = SnapshotSpec("p", "lone", "p", None)
    driver.prepare(plain)
    assert driver.cut("p", None, [plain])["members"] == 1
    assert driver.snapshot(plain)


def test_cut_of_several_volumes_in_no_group_is_refused(driver):
    specs = []
    for name in ("u", "v"):
        driver.create_volume(VolumeSpec(name, 1))
        specs.append(SnapshotSpec(f"{name}-s", name, "c2", None))
        driver.prepare(specs[-1])
    with pytest.raises(FinalDriverError, match="several volumes outside any group"):
        driver.cut("c2", None, specs)
