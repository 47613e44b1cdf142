"""Rules for a driver that is killed and started again: it finds all objects, and no others."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial

from cgflow.drivers.conformance.assertions import expect, must_raise_final_error, must_succeed
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs


class RestartRules:
    """Rules for a restart at each stage of a cgsnapshot's life."""

    def test_restart_of_empty_backend(self, scenario: Scenario) -> None:
        scenario.restart("with nothing there")
        scenario.delete_group(scenario.new_group())

    def test_stop_and_start(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        scenario.write(volume, "A")
        must_succeed("stop", scenario.driver.stop)
        scenario.restart("after stop")
        scenario.expect_volume(volume, "A", "after stop and start")

    def test_restart_keeps_groups_and_volumes(self, scenario: Scenario) -> None:
        members = [*scenario.new_members(2), scenario.new_volume()]
        for volume in members:
            scenario.write(volume, "A")
        scenario.restart("with volumes")
        for volume in members:
            scenario.expect_volume(volume, "A", "after a restart")
            scenario.write(volume, "B")
            scenario.expect_volume(volume, "B", "after a restart")
            scenario.create_volume(volume, "create_volume again after a restart")
            scenario.expect_volume(volume, "B", "after create_volume again after a restart")

    def test_restart_keeps_sizes(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        scenario.extend(volume, 2)
        scenario.restart("with an extended volume")
        found = must_succeed("report", scenario.driver.report).provisioned_gib
        expect(found == 2, f"after a restart with a volume of 2 GiB, provisioned_gib must be 2, not {found}")

    def test_restart_keeps_prepared_snapshots(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        snapshots = new_snapshot_specs(members)
        for snapshot in snapshots:
            scenario.prepare(snapshot)
        scenario.restart("with prepared snapshots")
        for snapshot in snapshots:
            must_raise_final_error(
                "snapshot of a prepared snapshot after a restart",
                partial(scenario.group_snapshot_driver.snapshot, snapshot),
            )
        for volume in members:
            scenario.write(volume, "A")
        scenario.cut(snapshots, "cut of snapshots prepared before a restart")
        for snapshot in snapshots:
            scenario.expect_snapshot(snapshot, "A", "a snapshot prepared before a restart and cut after it")

    def test_restart_keeps_partly_prepared_cgsnapshot(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        snapshots = new_snapshot_specs(members)
        scenario.prepare(snapshots[0])
        scenario.restart("with one of two snapshots prepared")
        scenario.prepare(snapshots[0], "prepare again after a restart")
        scenario.prepare(snapshots[1])
        scenario.cut(snapshots)
        scenario.delete_snapshot(snapshots[0])
        scenario.delete_snapshot(snapshots[1])

    def test_restart_keeps_cut_snapshots(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        for volume in members:
            scenario.write(volume, "A")
        snapshots = scenario.take_cgsnapshot(members)
        scenario.restart("with a cgsnapshot")
        for volume in members:
            scenario.write(volume, "B")
        scenario.cut(snapshots, "a second cut after a restart")
        for volume, snapshot in zip(members, snapshots, strict=True):
            must_succeed(
                "snapshot after a restart", partial(scenario.group_snapshot_driver.snapshot, snapshot)
            )
            scenario.expect_snapshot(snapshot, "A", "a cut before a restart is not repeated after it")
            scenario.expect_volume(volume, "B", "after a restart with a cgsnapshot")

    def test_restart_keeps_exports(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        for volume in members:
            scenario.write(volume, "A")
        first, second = scenario.take_cgsnapshot(members)
        scenario.export(first)
        scenario.restart("with one of two snapshots exported")
        scenario.expect_snapshot(first, "A", "a snapshot exported before a restart")
        scenario.unexport(first, "unexport_snapshot after a restart")
        scenario.expect_snapshot(second, "A", "a snapshot exported after a restart")

    def test_restart_does_not_bring_back_deleted_objects(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        prepared, cut = new_snapshot_specs(members), scenario.take_cgsnapshot(members)
        for snapshot in prepared:
            scenario.prepare(snapshot)
        for snapshot in (*prepared, *cut):
            scenario.delete_snapshot(snapshot)
        scenario.restart("after snapshots were deleted")
        for volume in members:
            scenario.delete_volume(volume)
        scenario.restart("after volumes were deleted")
        scenario.delete_group(members[0].group_id or "")
        scenario.restart("after a group was deleted")
