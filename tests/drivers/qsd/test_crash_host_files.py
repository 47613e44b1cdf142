"""Kills at every point at which an export becomes a file of the host or stops being one.

This process (a forked child) is killed with SIGKILL, or the daemon with it, and
the next driver starts. Then the call is repeated: the file exists with the right
content, or it is gone. In the end no mount, process or record is left.
"""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from tests.support.forked_child import fork_child
from tests.support.qsd_fixture import (
    BLOCK,
    QsdDriverFixture,
    started_driver_fixture,
    take_cgsnapshot,
    write_block,
)
from tests.support.qsd_host_files import find_server_pid, mount_lines, serve_file
from tests.support.requirements import poll_until, require_disks

pytestmark = [pytest.mark.real, pytest.mark.slow]

Call = Callable[[QsdDriver], object]


@dataclass
class Place:
    """A group of two volumes that hold 2, and an exported snapshot of one from when it held 1."""

    bench: QsdDriverFixture
    volume: VolumeSpec
    other: VolumeSpec
    copy: SnapshotSpec


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """One place for all tests; each test leaves no file behind."""
    require_disks()
    for bench in started_driver_fixture():
        volume, other = bench.make_group(2)
        write_block(bench.driver, volume, 1)
        (copy,) = take_cgsnapshot(bench.driver, [volume], "c")
        bench.driver.export_snapshot(copy)
        for one in (volume, other):
            write_block(bench.driver, one, 2)
        yield Place(bench, volume, other, copy)


SERVE = "file:after-end file:after-wanted file:after-spawn file:after-mount file:after-pid"
WITHDRAW = "file:after-unmount file:after-end file:after-unlink"
REMOVE = "file:after-kill file:after-end file:after-unlink"
CASES = [
    *(("serve", point) for point in SERVE.split()),
    *(("serve copy", point) for point in SERVE.split()),
    *(("withdraw", point) for point in WITHDRAW.split()),
    *(("delete", point) for point in REMOVE.split()),
]


def call_of(place: Place, name: str) -> Call:
    return {
        "serve": lambda driver: driver.serve_file(place.volume),
        "serve copy": lambda driver: driver.serve_file(place.copy),
        "withdraw": lambda driver: driver.withdraw_file(place.volume),
        "delete": lambda driver: driver.delete_volume(place.other),
    }[name]


def dies(place: Place, call: Call, point: str, *, with_daemon: bool) -> None:
    """Make a call in a child that is killed at a point of it."""
    bench = place.bench
    bench.driver.stop()
    begun: list[bool] = []

    def die(reached: str) -> None:
        if begun and reached == point:
            for pid in (bench.state_dir / "homes").glob("*/daemon.pid") if with_daemon else ():
                os.kill(int(pid.read_text()), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    def operate() -> None:
        driver = QsdDriver(bench.state_dir, trace=die)
        driver.start()
        begun.append(True)
        call(driver)

    child = fork_child(operate)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"{point} was not reached"


def servers(bench: QsdDriverFixture) -> list[int]:
    """Return every process that serves a file of this place, recorded or not."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes() if folder.name.isdecimal() else b""
        except OSError:
            continue
        if command.startswith(b"nbdfuse\0") and os.fsencode(bench.root) in command:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("with_daemon", [False, True], ids=["process", "both"])
@pytest.mark.parametrize(("name", "point"), CASES)
def test_what_was_broken_off_is_finished_by_a_repeat(
    place: Place, name: str, point: str, with_daemon: bool
) -> None:
    bench, call = place.bench, call_of(place, name)
    shown, value = (place.copy, 1) if name == "serve copy" else (place.volume, 2)
    if name in ("withdraw", "delete"):
        serve_file(bench, place.volume if name == "withdraw" else place.other)
    dies(place, call, point, with_daemon=with_daemon)
    driver = bench.start()
    assert driver.inventory().problems == ()
    call(driver)
    assert driver.inventory().problems == ()
    if name.startswith("serve"):
        path = serve_file(bench, shown)
        with path.open("rb", buffering=0) as file:
            assert file.read(BLOCK) == bytes([value]) * BLOCK
        poll_until(lambda: servers(bench) == [find_server_pid(bench, shown.id)], "one server and no other")
        assert len(mount_lines(bench)) == 1
        driver.withdraw_file(shown)
    if name == "delete":
        driver.create_volume(place.other)
    nothing_is_left(bench)


def nothing_is_left(bench: QsdDriverFixture) -> None:
    assert mount_lines(bench) == []
    assert not any((bench.state_dir / "files").iterdir())
    notes = [path.name for path in (bench.state_dir / "run").iterdir() if path.suffix in (".pid", ".log")]
    assert notes == []
    poll_until(lambda: not servers(bench), "the end of every server")


def test_the_list_of_points_is_complete(place: Place) -> None:
    seen: list[str] = []
    driver = place.bench.start(seen.append)
    for step, wanted in (
        (lambda: driver.serve_file(place.volume), SERVE),
        (lambda: driver.withdraw_file(place.volume), WITHDRAW),
        (lambda: driver.serve_file(place.other), SERVE),
        (lambda: driver.delete_volume(place.other), REMOVE),
    ):
        seen.clear()
        step()
        told = {point for point in seen if point.startswith("file:")}
        # A process that has lost its mount may end before it is killed.
        assert told - ({"file:after-kill"} if wanted == WITHDRAW else set()) == set(wanted.split())
    driver.create_volume(place.other)
    nothing_is_left(place.bench)
