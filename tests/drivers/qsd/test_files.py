"""Volumes and snapshots as files of the host: one more client each, across restarts, cuts and kills."""

import mmap
import os
import random
import threading

import pytest

from cgflow.drivers.contract import SupportsHostFiles, VolumeSpec
from cgflow.drivers.qsd.driver import GIB
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.disks import loop_device
from tests.support.hostfiles import held_open, mounts, served, server
from tests.support.parts import require_disks
from tests.support.qsd import BLOCK, Bench, read, take, write

pytestmark = pytest.mark.real

WORKERS = 8


@pytest.fixture(autouse=True)
def _parts() -> None:
    require_disks()


def test_a_file_is_the_volume_and_follows_cuts(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    assert isinstance(bench.driver, SupportsHostFiles)
    path = served(bench, volume)
    assert path.stat().st_size == GIB
    write(bench.driver, volume, 1)
    with path.open("r+b", buffering=0) as file:
        assert file.read(BLOCK) == b"\1" * BLOCK
        copies = take(bench.driver, [volume], "c")
        os.pwrite(file.fileno(), b"\2" * BLOCK, 0)
        os.fsync(file.fileno())
    assert read(bench.driver, volume) == b"\2" * BLOCK
    bench.driver.export_snapshot(copies[0])
    copy = served(bench, copies[0])
    with copy.open("rb", buffering=0) as file:
        assert file.read(BLOCK) == b"\1" * BLOCK
    with pytest.raises(OSError), copy.open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"\3" * BLOCK, 0)
    assert served(bench, volume) == path


def test_nobody_changes_the_size_of_a_volume_by_its_file(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    write(bench.driver, volume, 1)
    path = served(bench, volume)
    with pytest.raises(OSError):
        os.truncate(path, 2 * GIB)
    path.write_bytes(b"")
    assert read(bench.driver, volume) == b"\1" * BLOCK
    assert path.stat().st_size == GIB


def test_parallel_writes_through_a_loop_device_all_arrive(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    wrong: list[int] = []
    with loop_device(served(bench, volume)) as device:
        disk = os.open(device, os.O_RDWR | os.O_DIRECT)

        def work(number: int) -> None:
            chance = random.Random(number)
            buffer = mmap.mmap(-1, 16 * BLOCK)
            written = {}
            for _ in range(100):
                offset = (chance.randrange(100) * WORKERS + number) * len(buffer)
                written[offset] = bytes([chance.randrange(1, 256)]) * (BLOCK * chance.choice((1, 2, 16)))
                buffer[: len(written[offset])] = written[offset]
                os.pwritev(disk, [memoryview(buffer)[: len(written[offset])]], offset)
            for offset, content in written.items():
                os.preadv(disk, [memoryview(buffer)[: len(content)]], offset)
                if buffer[: len(content)] != content:
                    wrong.append(offset)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        os.close(disk)
    assert wrong == []


def test_a_file_outlives_the_driver_and_is_found_again(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    path = served(bench, volume)
    pid = server(bench, volume.id)
    with path.open("r+b", buffering=0) as file:
        bench.start()
        os.pwrite(file.fileno(), b"\5" * BLOCK, 0)
    assert served(bench, volume) == path
    assert server(bench, volume.id) == pid
    assert read(bench.driver, volume) == b"\5" * BLOCK


def test_a_file_in_use_is_not_taken_away(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    path = served(bench, volume)
    with loop_device(path):
        with pytest.raises(BusyDriverError, match="detach its loop device"):
            bench.driver.withdraw_file(volume)
        assert path.stat().st_size == GIB
    bench.driver.withdraw_file(volume)
    bench.driver.withdraw_file(volume)
    assert mounts(bench) == []
    assert not path.exists()
    write(bench.driver, volume, 1)


def test_a_volume_that_is_a_file_is_in_use(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    copies = take(bench.driver, [volume], "c")
    served(bench, volume)
    bench.driver.create_group("h")
    for refused in (
        lambda: bench.driver.extend_volume(volume, 2),
        lambda: bench.driver.move_volume(volume, "h"),
        lambda: bench.driver.restore("r", copies),
    ):
        with pytest.raises(BusyDriverError):
            refused()
    bench.driver.withdraw_file(volume)
    bench.driver.restore("r", copies)
    path = served(bench, volume)
    with held_open(path) as file:
        bench.driver.undo_restore("r", copies)
        with pytest.raises(OSError):
            os.pread(file, BLOCK, 100 * BLOCK)
    bench.driver.move_volume(volume, "h")
    moved = VolumeSpec(volume.id, 1, "h")
    assert served(bench, moved) == path


def test_a_file_goes_with_what_it_shows(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    (copy,) = take(bench.driver, [volume], "c")
    with pytest.raises(FinalDriverError, match="not exported"):
        bench.driver.serve_file(copy)
    for end in (bench.driver.unexport_snapshot, bench.driver.delete_snapshot):
        bench.driver.export_snapshot(copy)
        path = served(bench, copy)
        with held_open(path):
            end(copy)
        assert mounts(bench) == []
        assert not path.exists()
    with held_open(served(bench, volume)):
        bench.driver.delete_volume(volume)
    assert mounts(bench) == []
    bench.driver.delete_group("g")
    assert not any((bench.state_dir / "run").iterdir())
    assert not any((bench.state_dir / "files").iterdir())
