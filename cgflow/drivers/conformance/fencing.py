"""Rules for fencing: a fenced session has no further effect on the storage."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from uuid import uuid4

from cgflow.drivers.conformance.assertions import Violation, expect, must_raise_session_fenced, must_succeed
from cgflow.drivers.conformance.harness import SharedHarness
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs
from cgflow.drivers.contract import GroupSnapshots, StorageDriver, SupportsFencing, VolumeSpec

DEADLINE_S = 30.0


class FencingRules:
    """Rules for a second process on the same storage, before and after it is fenced."""

    def test_fenced_session_cannot_create_or_delete(self, scene: Scenario) -> None:
        stale, session = driver_in_second_session(scene)
        group, (volume,) = scene.new_group(), scene.new_members(1)
        fence(scene, session)
        before = must_succeed("report", scene.driver.report).provisioned_gib
        lost = VolumeSpec(str(uuid4()), 1, group)
        expect_fenced(scene, "create_group", lambda: stale.create_group(str(uuid4())))
        expect_fenced(scene, "create_group of one that is there", lambda: stale.create_group(group))
        expect_fenced(scene, "create_volume", lambda: stale.create_volume(lost))
        expect_fenced(scene, "create_volume of one that is there", lambda: stale.create_volume(volume))
        expect_fenced(scene, "extend_volume", lambda: stale.extend_volume(volume, 2))
        expect_fenced(scene, "delete_volume", lambda: stale.delete_volume(volume))
        expect_fenced(scene, "delete_volume of one that is not there", lambda: stale.delete_volume(lost))
        expect_fenced(scene, "delete_group", lambda: stale.delete_group(group))
        after = must_succeed("report", scene.driver.report).provisioned_gib
        expect(after == before, f"a fenced session resizes nothing: provisioned_gib was {before}, is {after}")
        expect_fenced(scene, "report", stale.report)
        expect_fenced(scene, "inventory", stale.inventory)
        expect_fenced(scene, "connection", lambda: stale.connection(volume))

    def test_fenced_session_cannot_cut(self, scene: Scenario) -> None:
        stale, session = driver_in_second_session(scene)
        members = scene.new_members(2)
        taken, prepared, others = (
            scene.take_cgsnapshot(members),
            new_snapshot_specs(members),
            new_snapshot_specs(members),
        )
        for snapshot in prepared:
            scene.prepare(snapshot)
        fence(scene, session)
        if not isinstance(stale, GroupSnapshots):
            raise Violation("every process has the same abilities on one storage: this one cannot cut")
        expect_fenced(scene, "prepare", lambda: stale.prepare(others[0]))
        cut = partial(stale.cut, prepared[0].cgsnapshot_id, prepared[0].group_id, prepared)
        expect_fenced(scene, "cut", cut)
        for snapshot in prepared:
            scene.expect_refusal(
                "snapshot of what a fenced session did not cut",
                partial(scene.group_snapshot_driver.snapshot, snapshot),
            )
        expect_fenced(scene, "snapshot", lambda: stale.snapshot(taken[0]))
        expect_fenced(scene, "export_snapshot", lambda: stale.export_snapshot(taken[0]))
        expect_fenced(scene, "unexport_snapshot", lambda: stale.unexport_snapshot(taken[0]))
        expect_fenced(
            scene, "delete_snapshot of a prepared snapshot", lambda: stale.delete_snapshot(prepared[0])
        )
        expect_fenced(scene, "delete_snapshot of a snapshot", lambda: stale.delete_snapshot(taken[0]))

    def test_fence_stops_calls_in_flight(self, scene: Scenario) -> None:
        stale, session = driver_in_second_session(scene)
        group = scene.new_group()
        made, ends = threading.Event(), list[str]()

        def work() -> None:
            try:
                while True:
                    volume = VolumeSpec(str(uuid4()), 1, group)
                    stale.create_volume(volume)
                    made.set()
                    stale.delete_volume(volume)
            except Exception as error:  # noqa: BLE001 - checked below, by its name
                ends.append(type(error).__name__)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        expect(made.wait(DEADLINE_S), "a session that is not fenced must be able to create volumes")
        fence(scene, session)
        first = must_succeed("inventory", scene.driver.inventory)
        for thread in threads:
            thread.join(DEADLINE_S)
        expect(not any(thread.is_alive() for thread in threads), "calls of a fenced session must end")
        then = must_succeed("inventory", scene.driver.inventory)
        made_late, gone_late = len(then.volumes - first.volumes), len(first.volumes - then.volumes)
        expect(
            not made_late and not gone_late,
            "a call in flight must have no effect once fence has returned; "
            f"{made_late} volumes were made and {gone_late} removed after it",
        )
        expect(
            set(ends) == {"SessionFenced"}, f"a fenced session's calls must raise SessionFenced, not {ends}"
        )

    def test_fence_does_not_affect_other_sessions(self, scene: Scenario) -> None:
        _, session = driver_in_second_session(scene)
        third, _ = driver_in_second_session(scene)
        volume = scene.new_volume(scene.new_group())
        fence(scene, session)
        what = "a call of a session that is not fenced"
        must_succeed(what, lambda: third.create_volume(volume))
        must_succeed(what, lambda: third.delete_volume(volume))
        scene.create_volume(volume, what)

    def test_fence_can_be_repeated(self, scene: Scenario) -> None:
        stale, session = driver_in_second_session(scene)
        third, _ = driver_in_second_session(scene)
        fence(scene, session)
        fence(scene, session, "a second fence")
        fence(scene, session, "a fence by another session", by=third)
        expect_fenced(scene, "create_group", lambda: stale.create_group(str(uuid4())))

    def test_fence_of_a_session_that_was_never_opened(self, scene: Scenario) -> None:
        unopened, session = new_driver_without_session(scene), str(uuid4())
        fence(scene, session, "fence of a session that was never opened")
        expect_fenced(scene, "open_session", lambda: unopened.open_session(session))

    def test_fence_survives_restarts(self, scene: Scenario) -> None:
        stale, session = driver_in_second_session(scene)
        fence(scene, session)
        scene.restart("after a fence")
        expect_fenced(scene, "create_group after a restart", lambda: stale.create_group(str(uuid4())))
        expect_fenced(
            scene, "open_session again", lambda: new_driver_without_session(scene).open_session(session)
        )

    def test_fence_keeps_objects_of_the_session(self, scene: Scenario) -> None:
        stale, session = driver_in_second_session(scene)
        group, volume = scene.new_group(), VolumeSpec(str(uuid4()), 1)
        must_succeed("create_volume of another session", lambda: stale.create_volume(volume))
        fence(scene, session)
        scene.create_volume(volume, "create_volume of what a fenced session had made")
        scene.delete_volume(volume)
        scene.delete_group(group)

    def test_fenced_session_cannot_fence(self, scene: Scenario) -> None:
        stale, session = driver_in_second_session(scene)
        third, other = driver_in_second_session(scene)
        fence(scene, session)
        if isinstance(stale, SupportsFencing):
            expect_fenced(scene, "fence", lambda: stale.fence(other))
        must_succeed("a call of whom a fenced session would fence", third.inventory)


def new_driver_without_session(scene: Scenario) -> SupportsFencing:
    """Return a driver as another process has it, without a session."""
    if not isinstance(scene.driver, SupportsFencing):
        raise Violation(f"storage that several processes reach must be fenced: {scene.driver} has no Fencing")
    if not isinstance(scene.harness, SharedHarness):
        raise Violation("a driver that can fence must bring a SharedHarness, to be reached twice")
    return scene.harness.another()


def driver_in_second_session(scene: Scenario) -> tuple[StorageDriver, str]:
    """Return a started driver as another process has it, and its session."""
    driver, session = new_driver_without_session(scene), str(uuid4())
    if not isinstance(driver, StorageDriver):
        raise Violation("SharedHarness.another must return a StorageDriver")
    must_succeed("open_session", lambda: driver.open_session(session))
    must_succeed("start in another session", driver.start)
    return driver, session


def fence(scene: Scenario, session: str, what: str = "fence", *, by: StorageDriver | None = None) -> None:
    """Fence a session; the call must succeed."""
    driver = by or scene.driver
    if isinstance(driver, SupportsFencing):
        must_succeed(what, partial(driver.fence, session))


def expect_fenced(scene: Scenario, what: str, call: Callable[[], object]) -> None:
    """Check that a call of a fenced session raises SessionFenced and changes nothing."""
    must_raise_session_fenced(f"{what} by a fenced session", call)
    scene.check_inventory(f"{what} by a fenced session")
