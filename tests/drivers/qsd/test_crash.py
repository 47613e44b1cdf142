"""Kills at every point: the next process finishes or undoes the work, and no written data is lost.

One lifecycle of a consistency group is run repeatedly. Each time something
is killed with SIGKILL when the driver reaches a certain point for the first
time: this process (a forked child), the daemon, or both at once. Then a new
driver starts, the interrupted step is called again, as cgflow does, and
the lifecycle continues to its end.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from cgflow.drivers.contract import SnapshotSpec
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.drivers.qsd.home.state_dir import StateDir
from cgflow.errors import AmbiguousDriverError, BusyDriverError
from tests.support.forked_child import fork_child
from tests.support.nbd_client import NbdClient
from tests.support.qsd_fixture import BLOCK, QsdDriverFixture, require_qsd, snapshot_specs, volume_specs

pytestmark = [pytest.mark.real, pytest.mark.slow]

VOLUMES = volume_specs(2)
STEPS = [
    "create_group", "create_volume 0", "create_volume 1", "write 1",
    "prepare a 0", "prepare a 1", "cut a", "write 2", "export a 0",
    "prepare b 0", "prepare b 1", "cut b", "write 3",
    "unexport a 0", "delete_snapshot a 0", "delete_snapshot a 1", "check b",
    "extend 2", "delete_snapshot b 0", "delete_snapshot b 1", "write 4",
    "prepare c 0", "delete_snapshot c 0", "check volumes",
    "delete_volume 0", "delete_volume 1", "delete_group",
]  # fmt: skip

POINTS = [
    "cut:after-record", "cut:after-transaction", "cut:before-transaction", "daemon:after-spawn",
    "delete:after-close", "delete:after-record", "export:after-attach", "export:after-manifest",
    "extend:after-detach", "extend:after-record", "extend:after-resize", "home:after-manifest",
    "home:after-quit", "merge:after-close", "merge:after-detach", "merge:after-flush", "merge:after-intent",
    "merge:after-job", "merge:after-ready", "merge:after-record", "merge:after-start",
    "prepare:after-file", "prepare:after-manifest", "prepare:after-open", "recovery:after-death",
    "recovery:after-settle",
    "remove:after-close", "remove:after-detach", "remove:after-manifest", "unexport:after-detach",
    "volume:after-attach", "volume:after-file", "volume:after-manifest", "volume:after-open",
]  # fmt: skip
"""Every point that the lifecycle passes."""


@dataclass
class World:
    """The effects of the steps so far, and so what must be found."""

    written: dict[str, int] = field(default_factory=dict)
    frozen: dict[str, dict[str, int]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)


def run(driver: QsdDriver, world: World, step: str) -> None:
    """Execute or repeat one step of the lifecycle."""
    verb, *rest = step.split()
    match verb, rest:
        case "create_group", []:
            driver.create_group("g")
        case "create_volume", [index]:
            driver.create_volume(VOLUMES[int(index)])
        case "delete_volume", [index]:
            driver.delete_volume(VOLUMES[int(index)])
        case "delete_group", []:
            driver.delete_group("g")
        case "extend", [size]:
            driver.extend_volume(VOLUMES[0], int(size))
        case "write", [value]:
            for volume in VOLUMES:
                with NbdClient.from_uri(str(driver.connection(volume).data["uri"])) as client:
                    client.write(int(value) * BLOCK, value.encode() * BLOCK, fua=True)
                world.written[volume.id] = int(value)
        case "prepare", [name, index]:
            driver.prepare(snapshot(name, index))
        case "cut", [name]:
            try:
                driver.cut(name, "g", snapshot_specs(VOLUMES, name))
            except AmbiguousDriverError:
                # A repeated call reports either that the cut happened or that it never will have.
                try:
                    driver.cut(name, "g", snapshot_specs(VOLUMES, name))
                except AmbiguousDriverError:
                    world.lost.add(name)
            world.frozen[name] = dict(world.written)
        case "export", [name, index] if name not in world.lost:
            driver.export_snapshot(snapshot(name, index))
        case "unexport", [name, index]:
            driver.unexport_snapshot(snapshot(name, index))
        case "delete_snapshot", [name, index]:
            driver.delete_snapshot(snapshot(name, index))
        case "check", ["volumes"]:
            check_volumes(driver, world)
        case "check", [name] if name not in world.lost:
            check_snapshots(driver, world, name)


def snapshot(name: str, index: str) -> SnapshotSpec:
    return snapshot_specs(VOLUMES, name)[int(index)]


def expect(client: NbdClient, last: int) -> None:
    """Check that blocks 1 to ``last`` hold their own digit, and that later blocks are empty."""
    for value in range(1, 6):
        held = client.read(value * BLOCK, BLOCK)
        assert held == (str(value).encode() * BLOCK if value <= last else bytes(BLOCK)), (
            value,
            last,
            held[:4],
        )


def check_volumes(driver: QsdDriver, world: World) -> None:
    for volume in VOLUMES:
        with NbdClient.from_uri(str(driver.connection(volume).data["uri"])) as client:
            expect(client, world.written[volume.id])


def check_snapshots(driver: QsdDriver, world: World, name: str) -> None:
    for index, volume in enumerate(VOLUMES):
        with NbdClient.from_uri(
            str(driver.export_snapshot(snapshot(name, str(index))).data["uri"])
        ) as client:
            expect(client, world.frozen[name][volume.id])
        driver.unexport_snapshot(snapshot(name, str(index)))


@pytest.fixture
def bench() -> Iterator[QsdDriverFixture]:
    require_qsd()
    bench = QsdDriverFixture()
    yield bench
    bench.clean()


def test_the_list_of_points_is_complete(bench: QsdDriverFixture) -> None:
    seen: list[str] = []
    driver, world = bench.start(seen.append), World()
    for step in STEPS:
        if step == "cut a":
            bench.driver.stop()
            bench.kill_daemon("g")
            driver = bench.start(seen.append)
        run(driver, world, step)
    assert sorted(set(seen)) == POINTS
    assert not any((bench.state_dir / "homes").iterdir())


def in_child(bench: QsdDriverFixture, die: Callable[[str], None], steps: list[str] = STEPS) -> int:
    """Run the steps in a child that is killed; return the index of the step in which it was killed."""
    reader, writer = os.pipe()

    def live() -> None:
        driver = QsdDriver(bench.state_dir, trace=die)
        driver.start()
        world = World()
        for step in steps:
            os.write(writer, b".")
            run(driver, world, step)

    child = fork_child(live)
    os.close(writer)
    with os.fdopen(reader, "rb") as progress:
        reached = len(progress.read())
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the child was to be killed in step {reached}, and ended by itself"
    assert os.WTERMSIG(status) == signal.SIGKILL
    return reached - 1


def finish(bench: QsdDriverFixture, reached: int) -> None:
    """Start again after a kill in a step, and run the lifecycle to its end."""
    world = World()
    for step in STEPS[:reached]:
        verb, *rest = step.split()
        if verb == "write":
            world.written = {volume.id: int(rest[0]) for volume in VOLUMES}
        if verb == "cut":
            world.frozen[rest[0]] = dict(world.written)
    driver = bench.start()
    assert driver.await_startup_merges(30)
    for step in STEPS[reached:]:
        run(driver, world, step)
        problems = driver.inventory().problems
        assert problems == (), (step, problems)
    assert not any((bench.state_dir / "homes").iterdir())
    assert driver.inventory().volumes == frozenset()


@pytest.mark.parametrize("point", POINTS)
def test_the_process_dies(bench: QsdDriverFixture, point: str) -> None:
    def die(reached: str) -> None:
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    finish(bench, in_child(bench, die))


@pytest.mark.parametrize("point", POINTS)
def test_the_process_and_the_daemon_die(bench: QsdDriverFixture, point: str) -> None:
    def die(reached: str) -> None:
        if reached == point:
            for pid in (bench.state_dir / "homes").glob("*/daemon.pid"):
                os.kill(int(pid.read_text()), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    finish(bench, in_child(bench, die))


@pytest.mark.parametrize("second", ["recovery:after-death", "daemon:after-spawn", "recovery:after-settle"])
@pytest.mark.parametrize(
    "first",
    [
        "cut:before-transaction",
        "cut:after-transaction",
        "merge:after-detach",
        "merge:after-job",
        "extend:after-resize",
    ],
)
def test_the_rescuer_dies_too(bench: QsdDriverFixture, first: str, second: str) -> None:
    """A client has written right after the cut, and the cut is not recorded."""
    address = StateDir(bench.state_dir).sockets("g").nbd

    def die_with_the_daemon(reached: str) -> None:
        if reached != first:
            return
        if first == "cut:after-transaction":
            for volume in VOLUMES:
                with NbdClient(str(address), volume.id) as client:
                    client.write(9 * BLOCK, b"9" * BLOCK, fua=True)
        for pid in (bench.state_dir / "homes").glob("*/daemon.pid"):
            os.kill(int(pid.read_text()), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def die(reached: str) -> None:
        if reached == second:
            os.kill(os.getpid(), signal.SIGKILL)

    reached = in_child(bench, die_with_the_daemon)
    assert in_child(bench, die, []) == -1
    if first == "cut:after-transaction":
        bench.start()
        for volume in VOLUMES:
            with NbdClient(str(address), volume.id) as client:
                assert client.read(9 * BLOCK, BLOCK) == b"9" * BLOCK
    finish(bench, reached)


@pytest.mark.parametrize("point", POINTS)
def test_the_daemon_dies(bench: QsdDriverFixture, point: str) -> None:
    spent: list[str] = []

    def die(reached: str) -> None:
        if reached == point and not spent:
            spent.append(point)
            for pid in (bench.state_dir / "homes").glob("*/daemon.pid"):
                os.kill(int(pid.read_text()), signal.SIGKILL)

    driver, world = bench.start(die), World()
    for step in STEPS:
        persist(driver, world, step)
    assert not any((bench.state_dir / "homes").iterdir())


def persist(driver: QsdDriver, world: World, step: str) -> None:
    """Repeat a step while the daemon is gone: clients are refused, calls are busy or ambiguous."""
    patience = time.monotonic() + 30
    while True:
        try:
            return run(driver, world, step)
        except (AmbiguousDriverError, BusyDriverError, OSError):
            if time.monotonic() > patience:
                raise
