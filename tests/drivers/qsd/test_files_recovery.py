"""Files of the host whose servers die, hang, are forgotten or fail to start."""

import errno
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from cgflow.drivers.qsd.driver import GIB
from cgflow.drivers.qsd.home.state_dir import StateDir
from cgflow.drivers.qsd.qemu import nbdfuse
from cgflow.drivers.qsd.qemu.daemon_process import start_time
from cgflow.errors import BusyDriverError, FinalDriverError
from tests.support.qsd_fixture import BLOCK, QsdDriverFixture, take_cgsnapshot, write_block
from tests.support.qsd_host_files import find_server_pid, keep_open, mount_lines, serve_file, server_pid
from tests.support.requirements import poll_until, require_disks

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _parts() -> None:
    require_disks()


def test_what_held_a_file_open_fails_when_the_daemon_dies_and_the_file_comes_back(
    bench: QsdDriverFixture,
) -> None:
    (volume,) = bench.make_group(1)
    path = serve_file(bench, volume)
    with path.open("r+b", buffering=0) as file:
        file.write(b"\1" * BLOCK)
        # Flushed, because the daemon writes its tables late and would lose this write when killed.
        os.fsync(file.fileno())
    first = server_pid(bench, volume.id)
    with keep_open(path, os.O_RDWR) as file:
        os.kill(bench.pid("g"), signal.SIGKILL)
        again = poll_until(
            lambda: {find_server_pid(bench, volume.id)} - {first, None}, "the file served again"
        )
        with pytest.raises(OSError):
            os.pwrite(file, b"\6" * BLOCK, 0)
    assert again
    with path.open("rb", buffering=0) as file:
        assert file.read(BLOCK) == b"\1" * BLOCK
    assert bench.driver.inventory().problems == ()


@pytest.mark.parametrize("heals", ["asked again", "started again"])
def test_a_mount_that_nobody_answers_for_is_told_and_cleared_away(
    bench: QsdDriverFixture, heals: str
) -> None:
    (volume,) = bench.make_group(1)
    path = serve_file(bench, volume)
    os.kill(server_pid(bench, volume.id), signal.SIGKILL)
    (problem,) = poll_until(lambda: bench.driver.inventory().problems, "the dead file")
    assert str(path) in problem
    with pytest.raises(OSError) as failure:
        path.stat()
    # The kernel returns the first error while it cleans up the dead server, and the second one from then on.
    assert failure.value.errno in (errno.ECONNABORTED, errno.ENOTCONN)
    if heals == "asked again":
        assert serve_file(bench, volume) == path
    else:
        bench.start()
    assert path.stat().st_size == GIB
    assert bench.driver.inventory().problems == ()


def test_a_file_that_does_not_come_about_is_wanted_as_much_as_before(
    bench: QsdDriverFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = bench.make_group(2)
    path = serve_file(bench, one)
    os.kill(server_pid(bench, one.id), signal.SIGKILL)
    poll_until(lambda: find_server_pid(bench, one.id) is None, "its end")
    with monkeypatch.context() as patched:
        patched.setattr(nbdfuse, "PROGRAM", "false")
        for volume in (one, other):
            with pytest.raises(BusyDriverError, match="did not serve"):
                bench.driver.serve_file(volume)
        assert StateDir(bench.state_dir).mounts.wanted_exports() == {one.id}
        bench.start()
        assert any("did not serve" in problem for problem in bench.driver.inventory().problems)
        write_block(bench.driver, one, 1)
    assert serve_file(bench, one) == path
    assert bench.driver.inventory().problems == ()


def test_a_server_that_hangs_is_ended(bench: QsdDriverFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nbdfuse, "DEADLINE", 0.5)
    (volume,) = bench.make_group(1)
    serve_file(bench, volume)
    pid = server_pid(bench, volume.id)
    os.kill(pid, signal.SIGSTOP)
    bench.driver.delete_volume(volume)
    assert mount_lines(bench) == []
    assert start_time(pid) is None


def test_a_server_of_which_nothing_was_written_down_is_replaced(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    path = serve_file(bench, volume)
    forgotten = server_pid(bench, volume.id)
    (bench.state_dir / "run" / f"{volume.id}.pid").unlink()
    assert serve_file(bench, volume) == path
    assert server_pid(bench, volume.id) != forgotten
    poll_until(lambda: start_time(forgotten) is None, "the end of the forgotten one")
    assert path.stat().st_size == GIB
    assert len(mount_lines(bench)) == 1


def test_a_state_directory_may_have_any_name_and_be_a_link() -> None:
    root = Path(tempfile.mkdtemp(prefix="qsd-", dir="/tmp"))
    (root / "a+b c%41").mkdir()
    (root / "link").symlink_to(root / "a+b c%41")
    odd = QsdDriverFixture(root / "link")
    try:
        odd.start()
        (volume,) = odd.make_group(1)
        write_block(odd.driver, volume, 1)
        path = serve_file(odd, volume)
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


def test_a_file_of_what_was_deleted_without_us_is_cleared_away_at_the_start(bench: QsdDriverFixture) -> None:
    (volume,) = bench.make_group(1)
    (copy,) = take_cgsnapshot(bench.driver, [volume], "c")
    bench.driver.export_snapshot(copy)
    path = serve_file(bench, copy)
    bench.driver.stop()
    stray = StateDir(bench.state_dir).mounts.file_path("of-nothing")
    stray.touch()
    bench.start()
    assert path.exists()
    assert not stray.exists()


def test_a_host_that_cannot_says_what_to_install(
    bench: QsdDriverFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (volume,) = bench.make_group(1)
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "nbdfuse" else found(name))
    with pytest.raises(FinalDriverError, match="apt-get install libnbd-bin"):
        bench.driver.serve_file(volume)
    assert StateDir(bench.state_dir).mounts.wanted_exports() == set()
    assert bench.driver.inventory().problems == ()
