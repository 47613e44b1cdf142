"""Rules for a driver that is killed and started again: it finds all objects, and no others."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial

from cgflow.drivers.conformance.assertions import expect, must_be_final, must_succeed
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs


class RestartRules:
    """Rules for a restart at each stage of a cgsnapshot's life."""

    def test_restart_with_nothing(self, scene: Scenario) -> None:
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

    def test_restart_keeps_prepared_copies(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        copies = new_snapshot_specs(members)
        for copy in copies:
            scene.prepare(copy)
        scene.restart("with prepared copies")
        for copy in copies:
            must_be_final("snapshot of a prepared copy after a restart", partial(scene.cutter.snapshot, copy))
        for volume in members:
            scene.write(volume, "A")
        scene.cut(copies, "cut of copies prepared before a restart")
        for copy in copies:
            scene.expect_copy(copy, "A", "a copy prepared before a restart and cut after it")

    def test_restart_keeps_half_prepared_copies(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        copies = new_snapshot_specs(members)
        scene.prepare(copies[0])
        scene.restart("with one of two copies prepared")
        scene.prepare(copies[0], "prepare again after a restart")
        scene.prepare(copies[1])
        scene.cut(copies)
        scene.delete_copy(copies[0])
        scene.delete_copy(copies[1])

    def test_restart_keeps_cut_copies(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        for volume in members:
            scene.write(volume, "A")
        copies = scene.take(members)
        scene.restart("with a cgsnapshot")
        for volume in members:
            scene.write(volume, "B")
        scene.cut(copies, "a second cut after a restart")
        for volume, copy in zip(members, copies, strict=True):
            must_succeed("snapshot after a restart", partial(scene.cutter.snapshot, copy))
            scene.expect_copy(copy, "A", "a cut before a restart is not repeated after it")
            scene.expect_volume(volume, "B", "after a restart with a cgsnapshot")

    def test_restart_keeps_exports(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        for volume in members:
            scene.write(volume, "A")
        first, second = scene.take(members)
        scene.export(first)
        scene.restart("with one of two copies exported")
        scene.expect_copy(first, "A", "a copy exported before a restart")
        scene.unexport(first, "unexport_snapshot after a restart")
        scene.expect_copy(second, "A", "a copy exported after a restart")

    def test_restart_brings_nothing_back(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        prepared, cut = new_snapshot_specs(members), scene.take(members)
        for copy in prepared:
            scene.prepare(copy)
        for copy in (*prepared, *cut):
            scene.delete_copy(copy)
        scene.restart("after copies were deleted")
        for volume in members:
            scene.delete_volume(volume)
        scene.restart("after volumes were deleted")
        scene.delete_group(members[0].group_id or "")
        scene.restart("after a group was deleted")
