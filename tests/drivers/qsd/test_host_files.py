"""Volumes and snapshots as files of the host: one more client each, across restarts, cuts and kills."""

import mmap
import os
import random
import threading

import pytest

from cgflow.drivers.contract import SupportsHostFiles, VolumeSpec
from cgflow.drivers.qsd.driver import GIB
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.disks import attach_loop_device
from tests.support.qsd_fixture import BLOCK, QsdDriverFixture, read_block, take_cgsnapshot, write_block
from tests.support.qsd_host_files import keep_open, mount_lines, serve_file, server_pid
from tests.support.requirements import require_disks

pytestmark = pytest.mark.real

WORKERS = 8


@pytest.fixture(autouse=True)
def _parts() -> None:
    require_disks()


def test_a_file_is_the_volume_and_follows_cuts(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    assert isinstance(bench.driver, SupportsHostFiles)
    path = serve_file(bench, volume)
    assert path.stat().st_size == GIB
    write_block(bench.driver, volume, 1)
    with path.open("r+b", buffering=0) as file:
        assert file.read(BLOCK) == b"\1" * BLOCK
        copies = take_cgsnapshot(bench.driver, [volume], "c")
        os.pwrite(file.fileno(), b"\2" * BLOCK, 0)
        os.fsync(file.fileno())
    assert read_block(bench.driver, volume) == b"\2" * BLOCK
    bench.driver.export_snapshot(copies[0])
    copy = serve_file(bench, copies[0])
    with copy.open("rb", buffering=0) as file:
        assert file.read(BLOCK) == b"\1" * BLOCK
    with pytest.raises(OSError), copy.open("r+b", buffering=0) as file:
        os.pwrite(file.fileno(), b"\3" * BLOCK, 0)
    assert serve_file(bench, volume) == path


def test_nobody_changes_the_size_of_a_volume_by_its_file(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    write_block(bench.driver, volume, 1)
    path = serve_file(bench, volume)
    with pytest.raises(OSError):
        os.truncate(path, 2 * GIB)
    path.write_bytes(b"")
    assert read_block(bench.driver, volume) == b"\1" * BLOCK
    assert path.stat().st_size == GIB


def test_parallel_writes_through_a_loop_device_all_arrive(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    wrong: list[int] = []
    with attach_loop_device(serve_file(bench, volume)) as device:
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


def test_a_file_outlives_the_driver_and_is_found_again(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    path = serve_file(bench, volume)
    pid = server_pid(bench, volume.id)
    with path.open("r+b", buffering=0) as file:
        bench.start()
        os.pwrite(file.fileno(), b"\5" * BLOCK, 0)
    assert serve_file(bench, volume) == path
    assert server_pid(bench, volume.id) == pid
    assert read_block(bench.driver, volume) == b"\5" * BLOCK


def test_a_file_in_use_is_not_taken_away(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    path = serve_file(bench, volume)
    with attach_loop_device(path):
        with pytest.raises(BusyDriverError, match="detach its loop device"):
            bench.driver.withdraw_file(volume)
        assert path.stat().st_size == GIB
    bench.driver.withdraw_file(volume)
    bench.driver.withdraw_file(volume)
    assert mount_lines(bench) == []
    assert not path.exists()
    write_block(bench.driver, volume, 1)


def test_a_volume_that_is_a_file_is_in_use(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    copies = take_cgsnapshot(bench.driver, [volume], "c")
    serve_file(bench, volume)
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
    path = serve_file(bench, volume)
    with keep_open(path) as file:
        bench.driver.undo_restore("r", copies)
        with pytest.raises(OSError):
            os.pread(file, BLOCK, 100 * BLOCK)
    bench.driver.move_volume(volume, "h")
    moved = VolumeSpec(volume.id, 1, "h")
    assert serve_file(bench, moved) == path


def test_a_file_goes_with_what_it_shows(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "c")
    with pytest.raises(FinalDriverError, match="not exported"):
        bench.driver.serve_file(copy)
    for end in (bench.driver.unexport_snapshot, bench.driver.delete_snapshot):
        bench.driver.export_snapshot(copy)
        path = serve_file(bench, copy)
        with keep_open(path):
            end(copy)
        assert mount_lines(bench) == []
        assert not path.exists()
    with keep_open(serve_file(bench, volume)):
        bench.driver.delete_volume(volume)
    assert mount_lines(bench) == []
    bench.driver.delete_group("g")
    assert not any((bench.state_dir / "run").iterdir())
    assert not any((bench.state_dir / "files").iterdir())
