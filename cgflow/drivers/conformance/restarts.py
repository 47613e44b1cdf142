"""Rules for a driver that is killed and started again: it finds all objects, and no others."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial

from cgflow.drivers.conformance.assertions import expect, must_raise_final_error, must_succeed
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs


class RestartRules:
    """Rules for a restart at each stage of a cgsnapshot's life."""

    def test_restart_of_empty_backend(self, scene: Scenario) -> None:
        scene.restart("with nothing there")
        scene.delete_group(scene.new_group())

    def test_stop_and_start(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.write(volume, "A")
        must_succeed("stop", scene.driver.stop)
        scene.restart("after stop")
        scene.expect_volume(volume, "A", "after stop and start")

    def test_restart_keeps_groups_and_volumes(self, scene: Scenario) -> None:
        members = [*scene.new_members(2), scene.new_volume()]
        for volume in members:
            scene.write(volume, "A")
        scene.restart("with volumes")
        for volume in members:
            scene.expect_volume(volume, "A", "after a restart")
            scene.write(volume, "B")
            scene.expect_volume(volume, "B", "after a restart")
            scene.create_volume(volume, "create_volume again after a restart")
            scene.expect_volume(volume, "B", "after create_volume again after a restart")

    def test_restart_keeps_sizes(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.extend(volume, 2)
        scene.restart("with an extended volume")
        found = must_succeed("report", scene.driver.report).provisioned_gib
        expect(found == 2, f"after a restart with a volume of 2 GiB, provisioned_gib must be 2, not {found}")

    def test_restart_keeps_prepared_snapshots(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        snapshots = new_snapshot_specs(members)
        for snapshot in snapshots:
            scene.prepare(snapshot)
        scene.restart("with prepared snapshots")
        for snapshot in snapshots:
            must_raise_final_error(
                "snapshot of a prepared snapshot after a restart",
                partial(scene.group_snapshot_driver.snapshot, snapshot),
            )
        for volume in members:
            scene.write(volume, "A")
        scene.cut(snapshots, "cut of snapshots prepared before a restart")
        for snapshot in snapshots:
            scene.expect_snapshot(snapshot, "A", "a snapshot prepared before a restart and cut after it")

    def test_restart_keeps_partly_prepared_cgsnapshot(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        snapshots = new_snapshot_specs(members)
        scene.prepare(snapshots[0])
        scene.restart("with one of two snapshots prepared")
        scene.prepare(snapshots[0], "prepare again after a restart")
        scene.prepare(snapshots[1])
        scene.cut(snapshots)
        scene.delete_snapshot(snapshots[0])
        scene.delete_snapshot(snapshots[1])

    def test_restart_keeps_cut_snapshots(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        for volume in members:
            scene.write(volume, "A")
        snapshots = scene.take_cgsnapshot(members)
        scene.restart("with a cgsnapshot")
        for volume in members:
            scene.write(volume, "B")
        scene.cut(snapshots, "a second cut after a restart")
        for volume, snapshot in zip(members, snapshots, strict=True):
            must_succeed("snapshot after a restart", partial(scene.group_snapshot_driver.snapshot, snapshot))
            scene.expect_snapshot(snapshot, "A", "a cut before a restart is not repeated after it")
            scene.expect_volume(volume, "B", "after a restart with a cgsnapshot")

    def test_restart_keeps_exports(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        for volume in members:
            scene.write(volume, "A")
        first, second = scene.take_cgsnapshot(members)
        scene.export(first)
        scene.restart("with one of two snapshots exported")
        scene.expect_snapshot(first, "A", "a snapshot exported before a restart")
        scene.unexport(first, "unexport_snapshot after a restart")
        scene.expect_snapshot(second, "A", "a snapshot exported after a restart")

    def test_restart_does_not_bring_back_deleted_objects(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        prepared, cut = new_snapshot_specs(members), scene.take_cgsnapshot(members)
        for snapshot in prepared:
            scene.prepare(snapshot)
        for snapshot in (*prepared, *cut):
            scene.delete_snapshot(snapshot)
        scene.restart("after snapshots were deleted")
        for volume in members:
            scene.delete_volume(volume)
        scene.restart("after volumes were deleted")
        scene.delete_group(members[0].group_id or "")
        scene.restart("after a group was deleted")
