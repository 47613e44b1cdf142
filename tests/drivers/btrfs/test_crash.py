"""Kills at every point of every btrfs operation: the next process finds the state before it or after it.

Each operation runs once to record the points that it passes. Then, for each
point, it runs in a child that is killed there with SIGKILL. A second child takes
over and is also killed, as soon as it has settled something and has not recorded
that yet. The third finds no trace of an unfinished operation. Then the call is
repeated, as cgflow does, and undone.
"""

import itertools
import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cgflow.drivers.btrfs.driver import BtrfsDriver
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec
from tests.support.btrfs_fixture import (
    BLOCK,
    BtrfsDriverFixture,
    read_block,
    read_snapshot_block,
    snapshot_specs,
    take_cgsnapshot,
    write_block,
)

pytestmark = [pytest.mark.real, pytest.mark.slow]

END = 1024**3 - BLOCK
G0, G1 = VolumeSpec("g0", 1, "g"), VolumeSpec("g1", 1, "g")
MEMBERS = [G0, G1]
LONE, MORE = VolumeSpec("lone", 1), VolumeSpec("more", 1, "h")
CLONE, CLONE_ALONE = VolumeSpec("clone", 2, "h"), VolumeSpec("clone-alone", 1)
A, B, N = snapshot_specs(MEMBERS, "a"), snapshot_specs(MEMBERS, "b"), snapshot_specs(MEMBERS, "n")
P = snapshot_specs([LONE], "p")

Call = Callable[[BtrfsDriver], object]


def each(*calls: Call) -> Call:
    return lambda driver: [call(driver) for call in calls][0]


def prepare(driver: BtrfsDriver) -> None:
    for copy in N:
        driver.prepare(copy)


def cut(driver: BtrfsDriver) -> None:
    driver.cut("n", "g", N)


def delete(*copies: SnapshotSpec) -> Call:
    return each(*(lambda driver, copy=copy: driver.delete_snapshot(copy) for copy in copies))


def restore(driver: BtrfsDriver) -> None:
    driver.restore("r", A)


def undo_restore(driver: BtrfsDriver) -> None:
    driver.undo_restore("r", A)


def move(volume: VolumeSpec, to: str | None) -> Call:
    return lambda driver: driver.move_volume(volume, to)


@dataclass(frozen=True)
class Operation:
    """An operation: its call, the call before it, and the call that undoes it."""

    call: Call
    before: Call | None = None
    undo: Call | None = None


OPERATIONS = {
    "create group": Operation(lambda d: d.create_group("k"), undo=lambda d: d.delete_group("k")),
    "delete group": Operation(lambda d: d.delete_group("h")),
    "create": Operation(lambda d: d.create_volume(MORE), undo=lambda d: d.delete_volume(MORE)),
    "create alone": Operation(
        lambda d: d.create_volume(CLONE_ALONE), undo=lambda d: d.delete_volume(CLONE_ALONE)
    ),
    "delete": Operation(lambda d: d.delete_volume(MORE), before=lambda d: d.create_volume(MORE)),
    "delete alone": Operation(lambda d: d.delete_volume(LONE), before=delete(*P)),
    "extend": Operation(lambda d: d.extend_volume(G0, 2), undo=lambda d: d.extend_volume(G0, 1)),
    "prepare": Operation(lambda d: d.prepare(N[0]), undo=delete(N[0])),
    "cut": Operation(cut, before=prepare),
    "cut of some": Operation(lambda d: d.cut("n", "g", N[:1]), before=lambda d: d.prepare(N[0])),
    "delete prepared": Operation(delete(N[0]), before=prepare),
    "delete copy": Operation(delete(A[0])),
    "delete last copy": Operation(delete(A[1]), before=delete(A[0])),
    "delete exported": Operation(delete(A[0]), before=lambda d: d.export_snapshot(A[0])),
    "export": Operation(lambda d: d.export_snapshot(A[0]), undo=lambda d: d.unexport_snapshot(A[0])),
    "unexport": Operation(lambda d: d.unexport_snapshot(A[0]), before=lambda d: d.export_snapshot(A[0])),
    "clone": Operation(lambda d: d.clone_volume(CLONE, A[0]), undo=lambda d: d.delete_volume(CLONE)),
    "clone alone": Operation(
        lambda d: d.clone_volume(CLONE_ALONE, B[1]), undo=lambda d: d.delete_volume(CLONE_ALONE)
    ),
    "move": Operation(move(G0, "h"), before=prepare, undo=move(replace(G0, group_id="h"), "g")),
    "move the other": Operation(
        move(G1, "h"), before=move(G0, "h"), undo=move(replace(G1, group_id="h"), "g")
    ),
    "move out": Operation(move(G0, None), undo=move(replace(G0, group_id=None), "g")),
    "move in": Operation(move(LONE, "h"), undo=move(replace(LONE, group_id="h"), None)),
    "move exported": Operation(
        move(G0, "h"), before=lambda d: d.export_snapshot(A[0]), undo=move(replace(G0, group_id="h"), "g")
    ),
    "restore": Operation(restore, undo=undo_restore),
    "undo restore": Operation(undo_restore, before=restore),
    "finish restore": Operation(lambda d: d.finish_restore("r", A), before=restore),
}


def world(path: Path) -> BtrfsDriverFixture:
    """Two volumes in g that hold C, with cgsnapshots of A and B; one outside any; and an empty group h."""
    bench = BtrfsDriverFixture(Path(tempfile.mkdtemp(dir=path)))
    driver = bench.start()
    bench.make_group(2)
    driver.create_group("h")
    driver.create_volume(LONE)
    for name in "ab":
        for volume in MEMBERS:
            fill(driver, volume, name)
        take_cgsnapshot(driver, MEMBERS, name)
    fill(driver, LONE, "p")
    take_cgsnapshot(driver, [LONE], "p")
    for volume in (*MEMBERS, LONE):
        fill(driver, volume, "c")
    return bench


def fill(driver: BtrfsDriver, volume: VolumeSpec, letter: str) -> None:
    for place in (0, END):
        write_block(driver, volume, ord(letter), place)


def look(driver: BtrfsDriver) -> dict[str, object]:
    """Return the place and content of each volume and the snapshots, and check the snapshots' content."""
    found = driver.inventory()
    assert found.problems == ()
    state = driver._state
    assert not state.intents
    seen: dict[str, object] = {f"group {group}": True for group in found.groups}
    for volume in state.volumes.values():
        spec = VolumeSpec(volume.id, volume.size_bytes >> 30, volume.group_id)
        held = chr(read_block(driver, spec))
        assert chr(read_block(driver, spec, END)) == held
        seen[f"volume {volume.id}"] = (volume.group_id, volume.size_bytes >> 30, held, volume.kept)
    for copy in list(state.snapshots.values()):
        seen[f"copy {copy.spec.id}"] = (copy.home, copy.size_bytes, copy.is_exported)
        if copy.size_bytes is not None and not copy.is_exported:
            held = {"n": "c"}.get(copy.spec.cgsnapshot_id, copy.spec.cgsnapshot_id)
            assert {chr(read_snapshot_block(driver, copy.spec, place)) for place in (0, END)} == {held}
    return seen


def in_child(bench: BtrfsDriverFixture, call: Call, die: Callable[[str], None]) -> bool:
    """Start a driver in a child and make a call; return whether the child was killed."""
    bench.driver.stop()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            driver = BtrfsDriver(bench.path, trace=die)
            driver.start()
            call(driver)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child was not killed, and failed"
    return os.WIFSIGNALED(status)


def kill_at(number: int) -> Callable[[str], None]:
    count = itertools.count()

    def die(point: str) -> None:
        if next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def kill_when_settled(point: str) -> None:
    if point.startswith("settled:"):
        os.kill(os.getpid(), signal.SIGKILL)


def prepared(folder: Path, operation: Operation) -> BtrfsDriverFixture:
    bench = world(folder)
    if operation.before is not None:
        operation.before(bench.driver)
    return bench


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_moment(btrfs_folder: Path, name: str) -> None:
    operation = OPERATIONS[name]
    moments: list[str] = []
    bench = prepared(btrfs_folder, operation)
    before = look(bench.driver)
    driver = bench.start(moments.append)
    operation.call(driver)
    passed = list(moments)
    after = look(driver)
    bench.clean()
    assert after != before
    assert passed

    bench = prepared(btrfs_folder, operation)
    for number, moment in enumerate(passed):
        assert in_child(bench, operation.call, kill_at(number)), f"moment {number}, {moment}, was not reached"
        in_child(bench, lambda _: None, kill_when_settled)
        driver = bench.start()
        found = look(driver)
        assert found in (before, after), moment
        operation.call(driver)
        assert look(driver) == after, moment
        if operation.undo is not None:
            operation.undo(driver)
            assert look(driver) == before, moment
        elif moment is not passed[-1]:
            bench.clean()
            bench = prepared(btrfs_folder, operation)
    bench.clean()


def test_a_cut_that_was_broken_off_is_taken_again_later(btrfs_folder: Path) -> None:
    """The repeated cut contains later writes: an instant before the call would not belong to that call."""
    bench = world(btrfs_folder)
    prepare(bench.driver)

    def die(point: str) -> None:
        if point == "cut:after-snapshot":
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(bench, cut, die)
    driver = bench.start()
    for volume in MEMBERS:
        fill(driver, volume, "d")
    cut(driver)
    assert [chr(read_snapshot_block(driver, copy)) for copy in N] == ["d", "d"]
    bench.clean()
