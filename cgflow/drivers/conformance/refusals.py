"""Rules for calls that must raise FinalDriverError and change nothing."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial
from uuid import uuid4

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec


class RefusalRules:
    """Rules for objects that are unknown, in use, or not ready."""

    def test_volume_in_unknown_group(self, scene: Scenario) -> None:
        volume = VolumeSpec(str(uuid4()), 1, str(uuid4()))
        scene.refuse("create_volume in an unknown group", lambda: scene.driver.create_volume(volume))

    def test_connection_of_unknown_volume(self, scene: Scenario) -> None:
        for group in (None, scene.new_group()):
            volume = VolumeSpec(str(uuid4()), 1, group)
            scene.refuse("connection of an unknown volume", partial(scene.driver.connection, volume))

    def test_extend_of_unknown_volume(self, scene: Scenario) -> None:
        volume = VolumeSpec(str(uuid4()), 1, scene.new_group())
        scene.refuse("extend_volume of an unknown volume", lambda: scene.driver.extend_volume(volume, 2))

    def test_prepare_of_unknown_volume(self, scene: Scenario) -> None:
        (copy,) = new_snapshot_specs([VolumeSpec(str(uuid4()), 1, scene.new_group())])
        scene.refuse("prepare for an unknown volume", lambda: scene.cutter.prepare(copy))

    def test_unknown_snapshot(self, scene: Scenario) -> None:
        (copy,) = new_snapshot_specs(scene.new_members(1))
        scene.refuse("snapshot of an unknown copy", lambda: scene.cutter.snapshot(copy))
        scene.refuse("export_snapshot of an unknown copy", lambda: scene.cutter.export_snapshot(copy))

    def test_cut_of_unknown_group(self, scene: Scenario) -> None:
        copy = SnapshotSpec(str(uuid4()), str(uuid4()), str(uuid4()), str(uuid4()))
        cut = partial(scene.cutter.cut, copy.cgsnapshot_id, copy.group_id, [copy])
        scene.refuse("cut of an unknown group", cut)

    def test_prepared_copy_is_not_a_snapshot_yet(self, scene: Scenario) -> None:
        (copy,) = new_snapshot_specs(scene.new_members(1))
        scene.prepare(copy)
        scene.refuse("snapshot of a copy that is not cut", lambda: scene.cutter.snapshot(copy))
        scene.refuse("export_snapshot of a copy that is not cut", lambda: scene.cutter.export_snapshot(copy))

    def test_group_with_volumes_is_kept(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.write(volume, "A")
        delete = partial(scene.driver.delete_group, volume.group_id or "")
        scene.refuse("delete_group of a group with volumes", delete)
        scene.expect_volume(volume, "A", "a refused delete_group leaves the volumes as they are")

    def test_volume_with_prepared_copy_is_kept(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        (copy,) = new_snapshot_specs([volume])
        scene.prepare(copy)
        _volume_is_kept(scene, volume, "delete_volume of a volume with a prepared copy")
        scene.delete_copy(copy)
        scene.delete_volume(volume, "delete_volume of a volume whose prepared copy is gone")

    def test_volume_with_snapshot_is_kept(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        (copy,) = scene.take([volume])
        _volume_is_kept(scene, volume, "delete_volume of a volume with a snapshot")
        scene.delete_copy(copy)
        scene.delete_volume(volume, "delete_volume of a volume whose snapshot is gone")

    def test_volume_that_does_not_fit(self, scene: Scenario) -> None:
        report = must_succeed("report", scene.driver.report)
        group = scene.new_group()
        too_much = int(report.free_gib) + 1
        volume = VolumeSpec(str(uuid4()), too_much, group)
        if report.thin:
            # A thin volume fits, because nothing is written yet; the scheduler limits over-subscription.
            scene.create_volume(volume, "create_volume of more than is free, on thin storage")
            counted = must_succeed("report", scene.driver.report).provisioned_gib
            expect(
                counted == too_much, f"provisioned_gib must be {too_much} for a thin volume, not {counted}"
            )
            scene.delete_volume(volume)
            return
        scene.refuse("create_volume on full storage", lambda: scene.driver.create_volume(volume))
        small = scene.new_volume(group)
        extend = partial(scene.driver.extend_volume, small, too_much)
        scene.refuse("extend_volume on full storage", extend)
        found = must_succeed("report", scene.driver.report).provisioned_gib
        expect(found == 1, f"refused volumes must not be counted: provisioned_gib must be 1, not {found}")


def _volume_is_kept(scene: Scenario, volume: VolumeSpec, what: str) -> None:
    scene.write(volume, "A")
    scene.refuse(what, lambda: scene.driver.delete_volume(volume))
    scene.expect_volume(volume, "A", "a refused delete_volume leaves the volume as it is and served")
