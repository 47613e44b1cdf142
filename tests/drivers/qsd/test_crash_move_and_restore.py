"""Kills at every point of a clone, a compaction, a move and a restore, which are then repeated or undone.

Each time one operation begins in the same small setup, and something is killed
with SIGKILL at one point of it: this process (a forked child), the daemons too,
or only the daemons. The next driver starts, and every volume is found in one
place. Then the call is repeated, or the call that undoes it is made.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from cgflow.drivers.qsd.driver import QsdDriver
from cgflow.errors import AmbiguousDriverError, BusyDriverError
from tests.support.case_sampling import cases_in_turns
from tests.support.forked_child import fork_child
from tests.support.qsd_fixture import (
    BLOCK,
    QsdDriverFixture,
    read_block,
    read_snapshot,
    started_driver_fixture,
)
from tests.support.qsd_scenario import (
    CLONE,
    END,
    LONE,
    QsdScenario,
    clone_into_other_group,
    clone_outside_groups,
    compact_member,
    do_nothing,
    finish_restore,
    move_back_to_group,
    move_into_group,
    move_out_of_group,
    move_to_other_group,
    restore_snapshots,
    undo_restore,
)

pytestmark = [pytest.mark.real, pytest.mark.slow]

Call = Callable[[QsdDriver, QsdScenario], None]


@dataclass(frozen=True)
class Operation:
    """An operation: its call, its points, the state after it, the call before it, and its undo."""

    call: Call
    points: str
    after: Callable[[QsdScenario], dict[str, str]]
    before: Call = do_nothing
    undo: Call | None = None
    options: dict[str, object] = field(default_factory=dict)


PLAIN = {"v0 in g": "C", "v1 in g": "C"}
VOLUME = "volume:after-file volume:after-manifest volume:after-open volume:after-attach"
LINK = "link:after-links link:after-files link:after-manifest link:after-open link:after-attach"
HOME = "home:after-manifest daemon:after-spawn recovery:after-death recovery:after-settle"
MOVE = """move:after-arriving move:after-detach move:after-close move:after-leaving move:after-rename
          move:after-files move:after-record move:after-forget move:after-open"""
RESTORE = (
    "restore:after-files restore:after-detach restore:after-record restore:after-open restore:after-attach"
)

OPERATIONS = {
    "copy": Operation(
        clone_into_other_group,
        f"clone:after-export clone:after-copy {VOLUME}",
        lambda _: PLAIN | {"clone in h": "A"},
        undo=lambda driver, _: driver.delete_volume(CLONE),
        options={"linked_clones": False},
    ),
    "copy alone": Operation(
        clone_outside_groups,
        f"clone:after-export clone:after-copy {VOLUME} {HOME}",
        lambda _: PLAIN | {"lone in None": "B"},
        undo=lambda driver, _: driver.delete_volume(LONE),
        options={"linked_clones": False},
    ),
    "link": Operation(
        clone_into_other_group,
        LINK,
        lambda _: PLAIN | {"clone in h": "A"},
        undo=lambda driver, _: driver.delete_volume(CLONE),
    ),
    "link alone": Operation(
        clone_outside_groups,
        f"{LINK} {HOME}",
        lambda _: PLAIN | {"lone in None": "B"},
        undo=lambda driver, _: driver.delete_volume(LONE),
    ),
    "compact": Operation(
        compact_member,
        """flatten:after-intent flatten:after-start flatten:after-job flatten:after-flush flatten:after-record
           flatten:after-rest""",
        lambda _: PLAIN,
        options={"max_chain_depth": 2},
    ),
    "move": Operation(
        move_to_other_group, MOVE, lambda _: {"v0 in h": "C", "v1 in g": "C"}, undo=move_back_to_group
    ),
    "move out": Operation(
        move_out_of_group,
        f"{MOVE} {HOME}",
        lambda _: {"v0 in None": "C", "v1 in g": "C"},
        undo=move_into_group,
    ),
    "move in": Operation(
        move_into_group, f"{MOVE} home:after-quit", lambda _: PLAIN, before=move_out_of_group, undo=do_nothing
    ),
    "restore": Operation(
        restore_snapshots, RESTORE, lambda _: {"v0 in g": "A", "v1 in g": "A"}, undo=undo_restore
    ),
    "undo": Operation(
        undo_restore,
        "undo:after-detach undo:after-record undo:after-close",
        lambda _: PLAIN,
        before=restore_snapshots,
    ),
    "finish": Operation(
        finish_restore,
        "finish:after-record drop:after-record drop:after-close",
        lambda _: {"v0 in g": "A", "v1 in g": "A"},
        before=restore_snapshots,
    ),
}
CASES = [(name, point) for name, operation in OPERATIONS.items() for point in operation.points.split()]
# What is killed: the process alone, or the daemons with it.
WHO = ("process", "both")
UNDOABLE = [(name, point) for name, point in CASES if OPERATIONS[name].undo not in (None, do_nothing)]


@pytest.fixture
def scene(name: str) -> Iterator[QsdScenario]:
    """The setup before the operation of this name."""
    for bench in started_driver_fixture(**OPERATIONS[name].options):
        yield QsdScenario(bench)


def specs(scene: QsdScenario) -> dict[str, VolumeSpec]:
    """Return every volume that a manifest names; each is in one home only, with all its files."""
    found: dict[str, VolumeSpec] = {}
    for folder in (scene.bench.state_dir / "homes").iterdir():
        manifest = scene.bench.manifest(folder.name)
        assert not manifest.leaving
        assert not manifest.arriving
        assert sorted(f"L{layer}.qcow2" for layer in manifest.layers_with_files()) == scene.bench.files(
            folder.name
        )
        assert not list(folder.glob("*.part"))
        for volume in manifest.volumes.values():
            assert volume.id not in found
            group = folder.name if manifest.is_group else None
            found[volume.id] = VolumeSpec(volume.id, volume.size_bytes >> 30, group)
    return found


def look(scene: QsdScenario, driver: QsdDriver) -> dict[str, str]:
    """Return each volume's content and place; check that the snapshots have their content."""
    volumes = specs(scene)
    assert driver.inventory().problems == ()
    assert driver.inventory().volumes == set(volumes)
    assert driver.inventory().snapshots == {copy.id for copies in scene.copies for copy in copies}
    for letter, copies in zip(b"AB", scene.copies, strict=True):
        for copy in copies:
            now: SnapshotSpec = replace(copy, group_id=volumes[copy.volume_id].group_id)
            for place in (0, END):
                assert read_snapshot(driver, now, place) == bytes([letter]) * BLOCK
    held = {}
    for volume in volumes.values():
        start, end = read_block(driver, volume), read_block(driver, volume, END)
        assert start == end
        held[f"{volume.id} in {volume.group_id}"] = chr(start[0])
    return held


def kill_daemons(bench: QsdDriverFixture) -> None:
    for pid in (bench.state_dir / "homes").glob("*/daemon.pid"):
        os.kill(int(pid.read_text()), signal.SIGKILL)


def dies(scene: QsdScenario, operation: Operation, point: str, *, with_daemons: bool) -> None:
    """Run an operation in a child that is killed at a point of it."""

    def die(reached: str) -> None:
        if reached == point and begun:
            if with_daemons:
                kill_daemons(scene.bench)
            os.kill(os.getpid(), signal.SIGKILL)

    operation.before(scene.bench.driver, scene)
    scene.bench.driver.stop()
    begun: list[bool] = []

    def operate() -> None:
        driver = QsdDriver(scene.bench.state_dir, trace=die, **scene.bench.options)
        driver.start()
        begun.append(True)
        operation.call(driver, scene)

    child = fork_child(operate)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"{point} was not reached"


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_list_of_points_is_complete(scene, name):
    seen: list[str] = []
    operation = OPERATIONS[name]
    operation.before(scene.bench.driver, scene)
    driver = scene.bench.start(seen.append)
    assert driver.await_startup_merges(30)
    seen.clear()
    operation.call(driver, scene)
    assert set(seen) == set(operation.points.split())
    assert look(scene, driver) == operation.after(scene)


@pytest.mark.parametrize(("name", "point", "who"), [(*case, who) for case, who in cases_in_turns(CASES, WHO)])
def test_what_was_broken_off_is_finished_by_a_repeat(scene, name, point, who):
    operation = OPERATIONS[name]
    dies(scene, operation, point, with_daemons=who == "both")
    driver = scene.bench.start()
    assert driver.await_startup_merges(30)
    found = look(scene, driver)
    operation.call(driver, scene)
    after = operation.after(scene)
    assert look(scene, driver) == after
    # Before the repeat, each volume was as before the operation or as after it.
    assert len(found) in (len(PLAIN), len(after))
    if name in ("restore", "undo"):
        assert len(set(found.values())) == 1


@pytest.mark.parametrize(
    ("name", "point", "who"), [(*case, who) for case, who in cases_in_turns(UNDOABLE, WHO, 1)]
)
def test_what_was_broken_off_is_undone(scene, name, point, who):
    operation = OPERATIONS[name]
    homes = {path.name for path in (scene.bench.state_dir / "homes").iterdir()}
    dies(scene, operation, point, with_daemons=who == "both")
    driver = scene.bench.start()
    operation.undo(driver, scene)
    assert look(scene, driver) == PLAIN
    assert {path.name for path in (scene.bench.state_dir / "homes").iterdir()} == homes


@pytest.mark.parametrize(("name", "point"), CASES)
def test_the_daemons_die(scene, name, point):
    operation, spent = OPERATIONS[name], []

    def die(reached: str) -> None:
        if reached == point and not spent and begun:
            spent.append(point)
            kill_daemons(scene.bench)

    operation.before(scene.bench.driver, scene)
    begun: list[bool] = []
    driver = scene.bench.start(die)
    begun.append(True)
    persist(lambda: operation.call(driver, scene))
    assert persist(lambda: look(scene, driver)) == operation.after(scene)


def persist(step):
    """Repeat a step while a daemon is gone: clients are refused, calls are busy or ambiguous."""
    patience = time.monotonic() + 30
    while True:
        try:
            return step()
        except (AmbiguousDriverError, BusyDriverError, OSError, AssertionError):
            if time.monotonic() > patience:
                raise
