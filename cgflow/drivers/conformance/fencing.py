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

    def test_fenced_session_cannot_create_or_delete(self, scenario: Scenario) -> None:
        stale, session = start_driver_in_new_session(scenario)
        group, (volume,) = scenario.new_group(), scenario.new_members(1)
        fence(scenario, session)
        before = must_succeed("report", scenario.driver.report).provisioned_gib
        lost = VolumeSpec(str(uuid4()), 1, group)
        expect_fenced(scenario, "create_group", lambda: stale.create_group(str(uuid4())))
        expect_fenced(scenario, "create_group of one that is there", lambda: stale.create_group(group))
        expect_fenced(scenario, "create_volume", lambda: stale.create_volume(lost))
        expect_fenced(scenario, "create_volume of one that is there", lambda: stale.create_volume(volume))
        expect_fenced(scenario, "extend_volume", lambda: stale.extend_volume(volume, 2))
        expect_fenced(scenario, "delete_volume", lambda: stale.delete_volume(volume))
        expect_fenced(scenario, "delete_volume of one that is not there", lambda: stale.delete_volume(lost))
        expect_fenced(scenario, "delete_group", lambda: stale.delete_group(group))
        after = must_succeed("report", scenario.driver.report).provisioned_gib
        expect(after == before, f"a fenced session resizes nothing: provisioned_gib was {before}, is {after}")
        expect_fenced(scenario, "report", stale.report)
        expect_fenced(scenario, "inventory", stale.inventory)
        expect_fenced(scenario, "connection", lambda: stale.connection(volume))

    def test_fenced_session_cannot_cut(self, scenario: Scenario) -> None:
        stale, session = start_driver_in_new_session(scenario)
        members = scenario.new_members(2)
        taken, prepared, others = (
            scenario.take_cgsnapshot(members),
            new_snapshot_specs(members),
            new_snapshot_specs(members),
        )
        for snapshot in prepared:
            scenario.prepare(snapshot)
        fence(scenario, session)
        if not isinstance(stale, GroupSnapshots):
            raise Violation("every process has the same abilities on one storage: this one cannot cut")
        expect_fenced(scenario, "prepare", lambda: stale.prepare(others[0]))
        cut = partial(stale.cut, prepared[0].cgsnapshot_id, prepared[0].group_id, prepared)
        expect_fenced(scenario, "cut", cut)
        for snapshot in prepared:
            scenario.expect_refusal(
                "snapshot of what a fenced session did not cut",
                partial(scenario.group_snapshot_driver.snapshot, snapshot),
            )
        expect_fenced(scenario, "snapshot", lambda: stale.snapshot(taken[0]))
        expect_fenced(scenario, "export_snapshot", lambda: stale.export_snapshot(taken[0]))
        expect_fenced(scenario, "unexport_snapshot", lambda: stale.unexport_snapshot(taken[0]))
        expect_fenced(
            scenario, "delete_snapshot of a prepared snapshot", lambda: stale.delete_snapshot(prepared[0])
        )
        expect_fenced(scenario, "delete_snapshot of a snapshot", lambda: stale.delete_snapshot(taken[0]))

    def test_fence_stops_calls_in_flight(self, scenario: Scenario) -> None:
        stale, session = start_driver_in_new_session(scenario)
        group = scenario.new_group()
        made, ends = threading.Event(), list[str]()

        def create_and_delete_volumes() -> None:
            try:
                while True:
                    volume = VolumeSpec(str(uuid4()), 1, group)
                    stale.create_volume(volume)
                    made.set()
                    stale.delete_volume(volume)
            except Exception as error:  # noqa: BLE001 - checked below, by its name
                ends.append(type(error).__name__)

        threads = [threading.Thread(target=create_and_delete_volumes, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        expect(made.wait(DEADLINE_S), "a session that is not fenced must be able to create volumes")
        fence(scenario, session)
        first = must_succeed("inventory", scenario.driver.inventory)
        for thread in threads:
            thread.join(DEADLINE_S)
        expect(not any(thread.is_alive() for thread in threads), "calls of a fenced session must end")
        then = must_succeed("inventory", scenario.driver.inventory)
        made_late, gone_late = len(then.volumes - first.volumes), len(first.volumes - then.volumes)
        expect(
            not made_late and not gone_late,
            "a call in flight must have no effect once fence has returned; "
            f"{made_late} volumes were made and {gone_late} removed after it",
        )
        expect(
            set(ends) == {"SessionFenced"}, f"a fenced session's calls must raise SessionFenced, not {ends}"
        )

    def test_fence_does_not_affect_other_sessions(self, scenario: Scenario) -> None:
        _, session = start_driver_in_new_session(scenario)
        third, _ = start_driver_in_new_session(scenario)
        volume = scenario.new_volume(scenario.new_group())
        fence(scenario, session)
        what = "a call of a session that is not fenced"
        must_succeed(what, lambda: third.create_volume(volume))
        must_succeed(what, lambda: third.delete_volume(volume))
        scenario.create_volume(volume, what)

    def test_fence_can_be_repeated(self, scenario: Scenario) -> None:
        stale, session = start_driver_in_new_session(scenario)
        third, _ = start_driver_in_new_session(scenario)
        fence(scenario, session)
        fence(scenario, session, "a second fence")
        fence(scenario, session, "a fence by another session", by=third)
        expect_fenced(scenario, "create_group", lambda: stale.create_group(str(uuid4())))

    def test_fence_of_a_session_that_was_never_opened(self, scenario: Scenario) -> None:
        unopened, session = new_driver_without_session(scenario), str(uuid4())
        fence(scenario, session, "fence of a session that was never opened")
        expect_fenced(scenario, "open_session", lambda: unopened.open_session(session))

    def test_fence_survives_restarts(self, scenario: Scenario) -> None:
        stale, session = start_driver_in_new_session(scenario)
        fence(scenario, session)
        scenario.restart("after a fence")
        expect_fenced(scenario, "create_group after a restart", lambda: stale.create_group(str(uuid4())))
        expect_fenced(
            scenario, "open_session again", lambda: new_driver_without_session(scenario).open_session(session)
        )

    def test_fence_keeps_objects_of_the_session(self, scenario: Scenario) -> None:
        stale, session = start_driver_in_new_session(scenario)
        group, volume = scenario.new_group(), VolumeSpec(str(uuid4()), 1)
        must_succeed("create_volume of another session", lambda: stale.create_volume(volume))
        fence(scenario, session)
        scenario.create_volume(volume, "create_volume of what a fenced session had made")
        scenario.delete_volume(volume)
        scenario.delete_group(group)

    def test_fenced_session_cannot_fence(self, scenario: Scenario) -> None:
        stale, session = start_driver_in_new_session(scenario)
        third, other = start_driver_in_new_session(scenario)
        fence(scenario, session)
        if isinstance(stale, SupportsFencing):
            expect_fenced(scenario, "fence", lambda: stale.fence(other))
        must_succeed("a call of whom a fenced session would fence", third.inventory)


def new_driver_without_session(scenario: Scenario) -> SupportsFencing:
    """Return a driver as another process has it, without a session."""
    if not isinstance(scenario.driver, SupportsFencing):
        raise Violation(
            f"storage that several processes reach must be fenced: {scenario.driver} has no Fencing"
        )
    if not isinstance(scenario.harness, SharedHarness):
        raise Violation("a driver that can fence must bring a SharedHarness, to be reached twice")
    return scenario.harness.another()


def start_driver_in_new_session(scenario: Scenario) -> tuple[StorageDriver, str]:
    """Return a started driver as another process has it, and its session."""
    driver, session = new_driver_without_session(scenario), str(uuid4())
    if not isinstance(driver, StorageDriver):
        raise Violation("SharedHarness.another must return a StorageDriver")
    must_succeed("open_session", lambda: driver.open_session(session))
    must_succeed("start in another session", driver.start)
    return driver, session


def fence(scenario: Scenario, session: str, what: str = "fence", *, by: StorageDriver | None = None) -> None:
    """Fence a session; the call must succeed."""
    driver = by or scenario.driver
    if isinstance(driver, SupportsFencing):
        must_succeed(what, partial(driver.fence, session))


def expect_fenced(scenario: Scenario, what: str, call: Callable[[], object]) -> None:
    """Check that a call of a fenced session raises SessionFenced and changes nothing."""
    must_raise_session_fenced(f"{what} by a fenced session", call)
    scenario.check_inventory(f"{what} by a fenced session")
