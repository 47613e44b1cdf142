"""Failures around a cut on Ceph: a stopped daemon, a dead bindings process, images without locks."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs
from cgflow.drivers.contract import JSON, SnapshotSpec, VolumeSpec
from cgflow.errors import AmbiguousDriverError, FinalDriverError
from tests.support.ceph_harness import Ceph, CephHarness
from tests.support.requirements import poll_until

pytestmark = [pytest.mark.real, pytest.mark.slow]

TIMEOUT_S = 6.0
"""The timeout of one test in seconds; the others wait for none."""

INCOMPLETE, COMPLETE = 0, 1


@pytest.fixture
def bench(ceph: Ceph) -> Iterator[CephHarness]:
    bench = CephHarness(ceph)
    yield bench
    bench.close()


@pytest.fixture
def scene(bench: CephHarness) -> Scenario:
    return Scenario(bench)


def prepared(scene: Scenario, count: int) -> tuple[list[VolumeSpec], list[SnapshotSpec]]:
    members = scene.new_members(count)
    for volume in members:
        scene.write(volume, "A", 0)
    copies = new_snapshot_specs(members)
    for copy in copies:
        scene.prepare(copy)
    return members, copies


def cut(bench: CephHarness, copies: list[SnapshotSpec]) -> JSON:
    return bench.driver.cut(copies[0].cgsnapshot_id, copies[0].group_id, copies)


def dies_after(bench: CephHarness, number: int, calls: str) -> Callable[[], None]:
    """Kill the bindings' process after so many matching calls; return the function that ends this."""
    session, left = bench.driver._session, number
    asked = session.call

    def call(name: str, /, **args: object) -> Any:
        nonlocal left
        answer = asked(name, **args)
        left -= bool(re.match(calls, name))
        if left == 0:
            left = -1
            assert session._child is not None
            session._child.kill()
            raise AmbiguousDriverError("the process was killed with the answer")
        return answer

    session.call = call  # type: ignore[method-assign]

    def end() -> None:
        session.call = asked  # type: ignore[method-assign]

    return end


def without_lock(bench: CephHarness, image: str) -> None:
    """Disable a feature and those that depend on it, as an operator may at any time."""
    bench.client.features(image=image, enable=False, names="fast-diff,object-map")
    bench.client.features(image=image, enable=False, names="exclusive-lock")


def half_cut(bench: CephHarness, copies: list[SnapshotSpec]) -> None:
    """Kill the bindings' process in the middle of a cut, before any snapshot could get a number."""
    with ThreadPoolExecutor(1) as pool:
        bench.cluster.pause("mon")
        try:
            cutting = pool.submit(cut, bench, copies)
            poll_until(lambda: bench.client.group_snaps(), "the group snapshot begun")
            os.kill(bench.driver.child_pid or 0, signal.SIGKILL)
        finally:
            bench.cluster.resume("mon")
        with pytest.raises(AmbiguousDriverError, match="lost"):
            cutting.result()
    assert list(bench.client.group_snaps().values()) == [INCOMPLETE]


def test_osd_that_stops_in_a_cut_costs_a_timeout_and_leaves_nothing(ceph: Ceph) -> None:
    bench = CephHarness(ceph, timeout_s=TIMEOUT_S)
    try:
        _stop_the_osd_in_a_cut(bench, Scenario(bench))
    finally:
        bench.close()


def _stop_the_osd_in_a_cut(bench: CephHarness, scene: Scenario) -> None:
    before = bench.client.contents()
    members, copies = prepared(scene, 3)
    made = bench.client.contents()
    with ThreadPoolExecutor(1) as pool:
        bench.cluster.pause("mon")
        try:
            cutting = pool.submit(cut, bench, copies)
            poll_until(lambda: bench.client.group_snaps(), "the group snapshot begun")
            bench.cluster.pause("osd")
        finally:
            bench.cluster.resume("mon")
        try:
            with pytest.raises(AmbiguousDriverError, match="no answer within"):
                cutting.result()
            # The undo gets no response either, and reports that instead of success.
            with pytest.raises(AmbiguousDriverError):
                bench.driver.delete_snapshot(copies[0])
        finally:
            bench.cluster.resume("osd")
    # This is answered once the OSD runs again.
    assert list(bench.client.group_snaps().values()) == [INCOMPLETE]
    for copy in copies:
        scene.delete_snapshot(copy, "delete_snapshot once the OSD is back")
    assert bench.client.contents() == made
    assert bench.client.group_snaps() == {}
    for volume in members:
        scene.write(volume, "B", 0)
        scene.delete_volume(volume)
    scene.delete_group(members[0].group_id or "")
    assert bench.client.contents() == before


def test_incomplete_group_snapshot_is_removed_and_the_cut_made_again(
    bench: CephHarness, scene: Scenario
) -> None:
    members, copies = prepared(scene, 2)
    half_cut(bench, copies)
    for volume in members:
        scene.write(volume, "B", 0)
    scene.cut(copies, "cut after one that was broken off")
    assert list(bench.client.group_snaps().values()) == [COMPLETE]
    for copy in copies:
        scene.expect_snapshot(copy, "B", "a cut that was made again is one instant of its own", 0)


def test_incomplete_group_snapshot_goes_with_its_copies(bench: CephHarness, scene: Scenario) -> None:
    _, copies = prepared(scene, 2)
    before = bench.client.contents()
    half_cut(bench, copies)
    for copy in copies:
        scene.delete_snapshot(copy, "delete_snapshot after a cut that was broken off")
    assert bench.client.contents() == before
    assert bench.client.group_snaps() == {}


def test_cut_whose_answer_was_lost_is_found_and_not_repeated(bench: CephHarness, scene: Scenario) -> None:
    members, copies = prepared(scene, 2)
    dies_after(bench, 1, "group_snap_create$")
    with pytest.raises(AmbiguousDriverError):
        cut(bench, copies)
    assert list(bench.client.group_snaps().values()) == [COMPLETE]
    for volume in members:
        scene.write(volume, "B", 0)
    evidence = scene.cut(copies, "cut again after an answer that was lost")
    assert evidence["cut_at"] is None
    for copy in copies:
        scene.expect_snapshot(copy, "A", "a cut that has happened is not repeated", 0)


def test_image_without_exclusive_lock_is_refused(bench: CephHarness, scene: Scenario) -> None:
    members = scene.new_members(2)
    image = f"volume-{members[1].id}"
    copies = new_snapshot_specs(members)
    scene.prepare(copies[0])
    without_lock(bench, image)
    with pytest.raises(FinalDriverError, match=f"image {image} lacks the feature exclusive-lock"):
        bench.driver.prepare(copies[1])
    assert any(image in words for words in bench.driver.inventory().problems)


def test_image_that_lost_exclusive_lock_is_refused_at_the_cut(bench: CephHarness, scene: Scenario) -> None:
    members, copies = prepared(scene, 2)
    image = f"volume-{members[1].id}"
    scene.harness.disconnect(members[1])
    without_lock(bench, image)
    before = bench.client.contents()
    with pytest.raises(FinalDriverError, match=f"image {image} lacks the feature exclusive-lock"):
        cut(bench, copies)
    with pytest.raises(FinalDriverError, match="has not been cut"):
        bench.driver.snapshot(copies[0])
    assert bench.client.contents() == before
    bench.client.features(image=image, enable=True, names="exclusive-lock")
    scene.cut(copies, "cut once the feature is there again")


def test_plain_snapshot_needs_exclusive_lock_too(bench: CephHarness, scene: Scenario) -> None:
    volume = scene.new_volume()
    copy = SnapshotSpec("plain", volume.id, "plain", None)
    scene.prepare(copy)
    without_lock(bench, f"volume-{volume.id}")
    with pytest.raises(FinalDriverError, match="lacks the feature exclusive-lock"):
        cut(bench, [copy])


def test_process_killed_after_each_call_costs_an_answer_and_nothing_else(
    bench: CephHarness, scene: Scenario
) -> None:
    """Each operation is repeated until no call of it kills its process."""
    driver, kills = bench.driver, 0
    group, other = "g", "h"
    members = [VolumeSpec(f"v{number}", 1, group) for number in range(2)]
    copies = [SnapshotSpec(f"s{number}", f"v{number}", "c", group) for number in range(2)]
    clone = VolumeSpec("clone", 1, other)
    moved = SnapshotSpec("s0", "v0", "c", other)
    steps = [
        lambda: driver.create_group(group),
        lambda: driver.create_group(other),
        *(lambda volume=volume: driver.create_volume(volume) for volume in members),
        lambda: driver.extend_volume(members[0], 2),
        *(lambda copy=copy: driver.prepare(copy) for copy in copies),
        lambda: driver.cut("c", group, copies),
        lambda: driver.export_snapshot(copies[0]),
        lambda: driver.clone_volume(clone, copies[1]),
        lambda: driver.restore("r", copies),
        lambda: driver.undo_restore("r", copies),
        lambda: driver.restore("q", copies),
        lambda: driver.finish_restore("q", copies),
        lambda: driver.move_volume(members[0], other),
        lambda: driver.delete_snapshot(copies[1]),
        lambda: driver.delete_volume(members[1]),
        lambda: driver.delete_group(group),
        lambda: driver.delete_snapshot(moved),
        lambda: driver.delete_volume(VolumeSpec("v0", 2, other)),
        lambda: driver.delete_volume(clone),
        lambda: driver.delete_group(other),
    ]
    for step in steps:
        kills += until_it_lives(bench, step)
    assert kills > len(steps)
    assert bench.client.contents() == []
    scene.check_inventory("the end of everything")


EFFECTS = "keys_write|image_[cr]|snap_[cr]|group_(create|remove|add|snap)|exports"


def until_it_lives(bench: CephHarness, step: Callable[[], object]) -> int:
    """Make a call, killed after its first effect, then after its second, …; return the number of kills."""
    number = 0
    while True:
        number += 1
        alive = dies_after(bench, number, EFFECTS)
        try:
            step()
        except AmbiguousDriverError:
            continue
        finally:
            alive()
        return number - 1
