"""Volumes and copies as files of the host: one more client each, over restarts, cuts and kills."""

import mmap
import os
import random
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.hostfiles import HostFiles
from cgflow.drivers.qsd import files
from cgflow.drivers.qsd.daemon import start_time
from cgflow.drivers.qsd.driver import GIB
from cgflow.drivers.qsd.statedir import StateDir
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.disks import loop_device
from tests.support.parts import require_disks, until
from tests.support.qsd import BLOCK, Bench, read, take, write

pytestmark = pytest.mark.real

WORKERS = 8


@pytest.fixture(autouse=True)
def _parts() -> None:
    require_disks()


def served(bench: Bench, thing: VolumeSpec | SnapshotSpec) -> Path:
    return Path(str(bench.driver.serve_file(thing).data["path"]))


def server_of(bench: Bench, name: str) -> int | None:
    found = StateDir(bench.state_dir).files
    return found._process(name) if found.is_served(name) else None


def server(bench: Bench, name: str) -> int:
    pid = server_of(bench, name)
    assert pid is not None
    return pid


@contextmanager
def held_open(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Hold a file open that may be taken away meanwhile."""
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        # Closing tells of what is gone.
        with suppress(OSError):
            os.close(descriptor)


def mounts(bench: Bench) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(bench.root) in line]


def test_a_file_is_the_volume_and_follows_cuts(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    assert isinstance(bench.driver, HostFiles)
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


def test_what_held_a_file_open_fails_when_the_daemon_dies_and_the_file_comes_back(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    write(bench.driver, volume, 1)
    path = served(bench, volume)
    first = server(bench, volume.id)
    with held_open(path, os.O_RDWR) as file:
        os.kill(bench.pid("g"), signal.SIGKILL)
        again = until(lambda: {server_of(bench, volume.id)} - {first, None}, "the file served again")
        with pytest.raises(OSError):
            os.pwrite(file, b"\6" * BLOCK, 0)
    assert again
    with path.open("rb", buffering=0) as file:
        assert file.read(BLOCK) == b"\1" * BLOCK
    assert bench.driver.inventory().problems == ()


@pytest.mark.parametrize("heals", ["asked again", "started again"])
def test_a_mount_that_nobody_answers_for_is_told_and_cleared_away(bench: Bench, heals: str) -> None:
    (volume,) = bench.make_group(1)
    path = served(bench, volume)
    os.kill(server(bench, volume.id), signal.SIGKILL)
    (problem,) = until(lambda: bench.driver.inventory().problems, "the dead file")
    assert str(path) in problem
    with pytest.raises(OSError, match="Transport endpoint is not connected"):
        path.stat()
    if heals == "asked again":
        assert served(bench, volume) == path
    else:
        bench.start()
    assert path.stat().st_size == GIB
    assert bench.driver.inventory().problems == ()


def test_a_file_that_does_not_come_about_is_wanted_as_much_as_before(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = bench.make_group(2)
    path = served(bench, one)
    os.kill(server(bench, one.id), signal.SIGKILL)
    with monkeypatch.context() as patched:
        patched.setattr(files, "PROGRAM", "false")
        for volume in (one, other):
            with pytest.raises(BusyDriverError, match="made no file"):
                bench.driver.serve_file(volume)
        assert StateDir(bench.state_dir).files.wanted() == {one.id}
        bench.start()
        assert any("made no file" in problem for problem in bench.driver.inventory().problems)
        write(bench.driver, one, 1)
    assert served(bench, one) == path
    assert bench.driver.inventory().problems == ()


def test_a_server_that_hangs_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "DEADLINE", 0.5)
    (volume,) = bench.make_group(1)
    served(bench, volume)
    pid = server(bench, volume.id)
    os.kill(pid, signal.SIGSTOP)
    bench.driver.delete_volume(volume)
    assert mounts(bench) == []
    assert start_time(pid) is None


def test_a_server_of_which_nothing_was_written_down_is_replaced(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    path = served(bench, volume)
    forgotten = server(bench, volume.id)
    (bench.state_dir / "run" / f"{volume.id}.pid").unlink()
    assert served(bench, volume) == path
    assert server(bench, volume.id) != forgotten
    until(lambda: start_time(forgotten) is None, "the end of the forgotten one")
    assert path.stat().st_size == GIB
    assert len(mounts(bench)) == 1


def test_a_state_directory_may_have_any_name_and_be_a_link() -> None:
    root = Path(tempfile.mkdtemp(prefix="qsd-", dir="/tmp"))
    (root / "a+b c%41").mkdir()
    (root / "link").symlink_to(root / "a+b c%41")
    odd = Bench(root / "link")
    try:
        odd.start()
        (volume,) = odd.make_group(1)
        write(odd.driver, volume, 1)
        path = served(odd, volume)
        with path.open("rb", buffering=0) as file:
            assert file.read(BLOCK) == b"\1" * BLOCK
        odd.start()
        assert odd.driver.inventory().problems == ()
        odd.driver.withdraw_file(volume)
        assert not path.exists()
    finally:
        odd.driver.delete_volume(volume)
        odd.driver.delete_group("g")
        odd.driver.stop()
        shutil.rmtree(root)


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


def test_a_file_of_what_was_deleted_without_us_is_cleared_away_at_the_start(bench: Bench) -> None:
    (volume,) = bench.make_group(1)
    (copy,) = take(bench.driver, [volume], "c")
    bench.driver.export_snapshot(copy)
    path = served(bench, copy)
    bench.driver.stop()
    stray = StateDir(bench.state_dir).files.path("of-nothing")
    stray.touch()
    bench.start()
    assert path.exists()
    assert not stray.exists()


def test_a_host_that_cannot_says_what_to_install(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (volume,) = bench.make_group(1)
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "nbdfuse" else found(name))
    with pytest.raises(FinalDriverError, match="apt-get install libnbd-bin"):
        bench.driver.serve_file(volume)
    assert StateDir(bench.state_dir).files.wanted() == set()
    assert bench.driver.inventory().problems == ()
