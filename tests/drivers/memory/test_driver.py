"""The memory driver keeps the contract exactly, with a file and without."""

import tempfile
from pathlib import Path

import pytest

from cgflow.drivers.conformance import CompactionRules, DriverConformance
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.contract.cut_evidence import CutLevel
from cgflow.drivers.memory.driver import MemoryDriver
from cgflow.errors import FinalDriverError
from tests.support.memory_harness import MemoryHarness


class InFile(MemoryHarness):
    """A backend whose objects are in a file, from which every new instance reads them."""

    def __init__(self, level: CutLevel = CutLevel.CRASH) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.level = level
        super().__init__(self._started())

    def _started(self) -> MemoryDriver:
        file = Path(self.folder.name) / "memory.journal"
        driver = MemoryDriver(capacity_gib=100, level=self.level, state_file=file)
        driver.start()
        return driver

    def restart(self) -> None:
        self.storage = self.driver = self._started()

    def close(self) -> None:
        super().close()
        self.folder.cleanup()


class TestMemory(DriverConformance, CompactionRules):
    def make(self):
        return MemoryHarness(MemoryDriver(capacity_gib=100))


class TestMemoryWithStateFile(DriverConformance, CompactionRules):
    def make(self):
        return InFile()


class TestMemoryOneByOne(DriverConformance, CompactionRules):
    def make(self):
        return InFile(CutLevel.PER_VOLUME)


# Behaviour that the conformance suite does not require of every driver.

ONE = VolumeSpec("one", 1, "g")
COPY = SnapshotSpec("copy", "one", "c", "g")


class Interrupted:
    """A lock that lets clients write after the given number of releases."""

    def __init__(self, driver: MemoryDriver, after: int, write) -> None:
        self._real, self._left, self._write = driver._lock, after, write
        driver._lock = self

    def __enter__(self):
        return self._real.__enter__()

    def __exit__(self, *error):
        self._real.__exit__(*error)
        self._left -= 1
        if self._left == 0:
            self._write()


@pytest.mark.parametrize("level", CutLevel)
def test_members_are_apart_only_where_that_is_said(level):
    driver = MemoryDriver(level=level)
    driver.create_group("g")
    copies = []
    for id in ("one", "two", "three"):
        driver.create_volume(VolumeSpec(id, 1, "g"))
        copies.append(SnapshotSpec(f"copy of {id}", id, "c", "g"))
        driver.prepare(copies[-1])
    # The lock is released once after the checks, then after each member.
    Interrupted(driver, 3, lambda: [driver.write(copy.volume_id, 0, b"later") for copy in copies])
    told = driver.cut("c", "g", copies)
    seen = [driver.export_snapshot(copy) and driver.read_snapshot(copy.id, 0, 5) for copy in copies]
    zeros = bytes(5)
    assert seen == ([zeros, zeros, b"later"] if level is CutLevel.PER_VOLUME else [zeros] * 3)
    assert (told["level"], told["skew_ms"] > 0) == (level, level is CutLevel.PER_VOLUME)


def test_report_says_what_the_scheduler_asks_for():
    report = MemoryDriver(name="lab", capacity_gib=7).report()
    assert (report.total_gib, report.free_gib, report.thin) == (7, 7, False)
    wanted = {
        "cut_level": "crash",
        "consistencygroup_support": True,
        "consistent_group_snapshot_enabled": True,
        "thin_provisioning_support": False,
        "vendor_name": "cgflow",
        "storage_protocol": "memory",
        "volume_backend_name": "lab",
    }
    assert wanted.items() <= report.capabilities.items()
    assert report.capabilities["driver_version"]


def test_volume_of_another_group_cannot_be_prepared():
    driver = MemoryDriver()
    driver.create_group("g")
    driver.create_volume(VolumeSpec("one", 1))
    with pytest.raises(FinalDriverError, match="not in group g"):
        driver.prepare(COPY)


def test_id_of_a_snapshot_is_not_taken_for_another_one():
    driver = MemoryDriver()
    driver.create_group("g")
    for volume in ("one", "two"):
        driver.create_volume(VolumeSpec(volume, 1, "g"))
    driver.prepare(COPY)
    with pytest.raises(FinalDriverError, match="exists with other values"):
        driver.prepare(SnapshotSpec("copy", "two", "c", "g"))


def test_cut_is_not_extended_to_members_that_came_later():
    driver = MemoryDriver()
    driver.create_group("g")
    later = SnapshotSpec("later", "two", "c", "g")
    for volume, copy in (("one", COPY), ("two", later)):
        driver.create_volume(VolumeSpec(volume, 1, "g"))
        driver.prepare(copy)
    driver.cut("c", "g", [COPY])
    for members in ([COPY, later], [later]):
        with pytest.raises(FinalDriverError, match="cut with other members"):
            driver.cut("c", "g", members)


@pytest.mark.parametrize("members", [[], [SnapshotSpec("copy", "one", "other", "g")]])
def test_cut_of_nothing_or_of_another_cgsnapshots_copies_is_refused(members):
    driver = MemoryDriver()
    driver.create_group("g")
    driver.create_volume(ONE)
    driver.prepare(members[0] if members else COPY)
    with pytest.raises(FinalDriverError):
        driver.cut("c", "g", members)


def test_cgsnapshot_can_be_cut_anew_after_its_undo():
    driver = MemoryDriver()
    driver.create_group("g")
    driver.create_volume(ONE)
    for letter in (b"A", b"B"):
        driver.write("one", 0, letter)
        driver.prepare(COPY)
        driver.cut("c", "g", [COPY])
        driver.export_snapshot(COPY)
        assert driver.read_snapshot("copy", 0, 1) == letter
        driver.delete_snapshot(COPY)


def test_copy_has_the_size_of_its_volume_at_the_cut():
    driver = MemoryDriver()
    driver.create_group("g")
    driver.create_volume(ONE)
    driver.prepare(COPY)
    driver.extend_volume(ONE, 2)
    driver.cut("c", "g", [COPY])
    driver.extend_volume(ONE, 3)
    assert driver.snapshot(COPY) == {"size_bytes": 2 << 30, "allocated_bytes": 0}


def test_shrinking_forgets_what_lay_past_the_end():
    driver = MemoryDriver()
    driver.create_volume(VolumeSpec("one", 2))
    driver.write("one", (1 << 30) - 1, b"AA")
    for size in (1, 2):
        driver.extend_volume(VolumeSpec("one", 2), size)
    assert driver.read("one", (1 << 30) - 1, 2) == b"A\0"


@pytest.mark.parametrize("size", [0, -1])
def test_volume_without_a_size_is_refused(size):
    driver = MemoryDriver()
    with pytest.raises(FinalDriverError, match="cannot have a size of"):
        driver.create_volume(VolumeSpec("one", size))
    driver.create_volume(VolumeSpec("one", 1))
    with pytest.raises(FinalDriverError, match="cannot have a size of"):
        driver.extend_volume(VolumeSpec("one", 1), size)


def test_clients_cannot_reach_past_the_end():
    driver = MemoryDriver()
    driver.create_volume(VolumeSpec("one", 1))
    for offset, length in ((-1, 1), (1 << 30, 1), ((1 << 30) - 1, 2)):
        with pytest.raises(FinalDriverError, match="are outside the 1 GiB"):
            driver.write("one", offset, b"x" * length)
        with pytest.raises(FinalDriverError, match="are outside the 1 GiB"):
            driver.read("one", offset, length)


def test_snapshot_is_read_only_while_exported():
    driver = MemoryDriver()
    driver.create_group("g")
    driver.create_volume(ONE)
    driver.prepare(COPY)
    driver.cut("c", "g", [COPY])
    with pytest.raises(FinalDriverError, match="is not exported"):
        driver.read_snapshot("copy", 0, 1)
    driver.export_snapshot(COPY)
    assert driver.read_snapshot("copy", 0, 1) == b"\0"
