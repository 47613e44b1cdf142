"""Rules for calls that must change nothing: repeats, undo of what was never done, and refusals."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial
from uuid import uuid4

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec


class IdempotencyRules:
    """Rules for repeated calls."""

    def test_create_group_twice(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        must_succeed("a second create_group", lambda: scene.driver.create_group(volume.group_id or ""))
        scene.check_inventory("a second create_group")

    def test_delete_group_twice(self, scene: Scenario) -> None:
        group = scene.new_group()
        scene.delete_group(group)
        scene.delete_group(group, "a second delete_group")

    def test_create_volume_twice(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.write(volume, "A")
        scene.create_volume(volume, "a second create_volume")
        scene.expect_volume(volume, "A", "a second create_volume leaves the volume as it is")

    def test_delete_volume_twice(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.delete_volume(volume)
        scene.delete_volume(volume, "a second delete_volume")

    def test_extend_twice(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        scene.write(volume, "A")
        scene.extend(volume, 2)
        scene.extend(volume, 2, "a second extend_volume to the same size")
        scene.expect_volume(volume, "A", "a second extend_volume leaves the volume as it is")
        found = must_succeed("report", scene.driver.report).provisioned_gib
        expect(found == 2, f"after extend_volume to 2 GiB twice, provisioned_gib must be 2, not {found}")

    def test_connection_twice(self, scene: Scenario) -> None:
        volume = scene.new_volume(scene.new_group())
        first, second = (
            must_succeed("connection", lambda: scene.driver.connection(volume)) for _ in range(2)
        )
        expect(first == second, f"connection must give the same address again: {first}, then {second}")

    def test_prepare_twice(self, scene: Scenario) -> None:
        members = scene.new_members(1)
        snapshots = new_snapshot_specs(members)
        scene.prepare(snapshots[0])
        scene.prepare(snapshots[0], "a second prepare")
        scene.write(members[0], "A")
        scene.cut(snapshots)
        scene.expect_snapshot(snapshots[0], "A", "a snapshot prepared twice is cut once")

    def test_prepare_after_the_cut(self, scene: Scenario) -> None:
        members = scene.new_members(1)
        scene.write(members[0], "A")
        (snapshot,) = scene.take_cgsnapshot(members)
        scene.write(members[0], "B")
        scene.prepare(snapshot, "prepare of a snapshot that is cut")
        scene.expect_snapshot(snapshot, "A", "prepare of a snapshot that is cut leaves it as it is")

    def test_cut_twice(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        for volume in members:
            scene.write(volume, "A")
        snapshots = scene.take_cgsnapshot(members)
        for volume in members:
            scene.write(volume, "B")
        scene.cut(snapshots, "a second cut")
        for volume, snapshot in zip(members, snapshots, strict=True):
            scene.expect_snapshot(snapshot, "A", "a cut that has happened is never repeated")
            scene.expect_volume(volume, "B", "a second cut leaves the volumes as they are")

    def test_snapshot_twice(self, scene: Scenario) -> None:
        (snapshot,) = scene.take_cgsnapshot(scene.new_members(1))
        first, second = (
            must_succeed("snapshot", lambda: scene.group_snapshot_driver.snapshot(snapshot)) for _ in range(2)
        )
        expect(first == second, f"snapshot must describe a snapshot the same again: {first}, then {second}")

    def test_export_twice(self, scene: Scenario) -> None:
        members = scene.new_members(1)
        scene.write(members[0], "A")
        (snapshot,) = scene.take_cgsnapshot(members)
        scene.export(snapshot)
        first = must_succeed(
            "a second export_snapshot", lambda: scene.group_snapshot_driver.export_snapshot(snapshot)
        )
        second = must_succeed(
            "a third export_snapshot", lambda: scene.group_snapshot_driver.export_snapshot(snapshot)
        )
        expect(first == second, f"export_snapshot must give the same address again: {first}, then {second}")
        scene.expect_snapshot(snapshot, "A", "a snapshot exported again can be read")

    def test_unexport_twice(self, scene: Scenario) -> None:
        (snapshot,) = scene.take_cgsnapshot(scene.new_members(1))
        scene.export(snapshot)
        scene.unexport(snapshot)
        scene.unexport(snapshot, "a second unexport_snapshot")

    def test_delete_snapshot_twice(self, scene: Scenario) -> None:
        members = scene.new_members(1)
        scene.write(members[0], "A")
        (snapshot,) = scene.take_cgsnapshot(members)
        scene.delete_snapshot(snapshot)
        scene.delete_snapshot(snapshot, "a second delete_snapshot")
        scene.expect_volume(members[0], "A", "a second delete_snapshot leaves the volume as it is")

    def test_delete_unknown_group(self, scene: Scenario) -> None:
        scene.delete_group(str(uuid4()), "delete_group of a group that never was")

    def test_delete_unknown_volume(self, scene: Scenario) -> None:
        group = scene.new_group()
        scene.delete_volume(VolumeSpec(str(uuid4()), 1, group), "delete_volume of a volume that never was")
        scene.delete_volume(VolumeSpec(str(uuid4()), 1), "delete_volume of a volume that never was")

    def test_delete_unknown_volume_in_unknown_group(self, scene: Scenario) -> None:
        what = "delete_volume of a volume that never was, in a group that never was"
        scene.delete_volume(VolumeSpec(str(uuid4()), 1, str(uuid4())), what)

    def test_delete_unknown_snapshot(self, scene: Scenario) -> None:
        (snapshot,) = new_snapshot_specs(scene.new_members(1))
        scene.delete_snapshot(snapshot, "delete_snapshot of a snapshot that never was")
        scene.unexport(snapshot, "unexport_snapshot of a snapshot that never was")

    def test_delete_snapshot_of_unknown_volume(self, scene: Scenario) -> None:
        snapshot = SnapshotSpec(str(uuid4()), str(uuid4()), str(uuid4()), str(uuid4()))
        scene.delete_snapshot(
            snapshot, "delete_snapshot of a snapshot that never was, of a volume that never was"
        )
        scene.unexport(snapshot, "unexport_snapshot of a snapshot that never was, of a volume that never was")


class RefusalRules:
    """Rules for objects that are unknown, in use, or not ready."""

    def test_create_volume_in_unknown_group_is_refused(self, scene: Scenario) -> None:
        volume = VolumeSpec(str(uuid4()), 1, str(uuid4()))
        scene.expect_refusal("create_volume in an unknown group", lambda: scene.driver.create_volume(volume))

    def test_connection_of_unknown_volume_is_refused(self, scene: Scenario) -> None:
        for group in (None, scene.new_group()):
            volume = VolumeSpec(str(uuid4()), 1, group)
            scene.expect_refusal("connection of an unknown volume", partial(scene.driver.connection, volume))

    def test_extend_of_unknown_volume_is_refused(self, scene: Scenario) -> None:
        volume = VolumeSpec(str(uuid4()), 1, scene.new_group())
        scene.expect_refusal(
            "extend_volume of an unknown volume", lambda: scene.driver.extend_volume(volume, 2)
        )

    def test_prepare_of_unknown_volume_is_refused(self, scene: Scenario) -> None:
        (snapshot,) = new_snapshot_specs([VolumeSpec(str(uuid4()), 1, scene.new_group())])
        scene.expect_refusal(
            "prepare for an unknown volume", lambda: scene.group_snapshot_driver.prepare(snapshot)
        )

    def test_calls_on_unknown_snapshot_are_refused(self, scene: Scenario) -> None:
        (snapshot,) = new_snapshot_specs(scene.new_members(1))
        scene.expect_refusal(
            "snapshot of an unknown snapshot", lambda: scene.group_snapshot_driver.snapshot(snapshot)
        )
        scene.expect_refusal(
            "export_snapshot of an unknown snapshot",
            lambda: scene.group_snapshot_driver.export_snapshot(snapshot),
        )

    def test_cut_of_unknown_group_is_refused(self, scene: Scenario) -> None:
        snapshot = SnapshotSpec(str(uuid4()), str(uuid4()), str(uuid4()), str(uuid4()))
        cut = partial(scene.group_snapshot_driver.cut, snapshot.cgsnapshot_id, snapshot.group_id, [snapshot])
        scene.expect_refusal("cut of an unknown group", cut)

    def test_snapshot_call_on_uncut_snapshot_is_refused(self, scene: Scenario) -> None:
        (snapshot,) = new_snapshot_specs(scene.new_members(1))
        scene.prepare(snapshot)
        scene.expect_refusal(
            "a call of snapshot for a snapshot that is not cut",
            lambda: scene.group_snapshot_driver.snapshot(snapshot),
        )
        scene.expect_refusal(
            "export_snapshot of a snapshot that is not cut",
            lambda: scene.group_snapshot_driver.export_snapshot(snapshot),
        )

    def test_delete_group_with_volumes_is_refused(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.write(volume, "A")
        delete = partial(scene.driver.delete_group, volume.group_id or "")
        scene.expect_refusal("delete_group of a group with volumes", delete)
        scene.expect_volume(volume, "A", "a refused delete_group leaves the volumes as they are")

    def test_delete_volume_with_prepared_snapshot_is_refused(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        (snapshot,) = new_snapshot_specs([volume])
        scene.prepare(snapshot)
        _expect_delete_volume_refused(scene, volume, "delete_volume of a volume with a prepared snapshot")
        scene.delete_snapshot(snapshot)
        scene.delete_volume(volume, "delete_volume of a volume whose prepared snapshot is gone")

    def test_delete_volume_with_snapshot_is_refused(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        (snapshot,) = scene.take_cgsnapshot([volume])
        _expect_delete_volume_refused(scene, volume, "delete_volume of a volume with a snapshot")
        scene.delete_snapshot(snapshot)
        scene.delete_volume(volume, "delete_volume of a volume whose snapshot is gone")

    def test_volume_larger_than_free_space(self, scene: Scenario) -> None:
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
        scene.expect_refusal("create_volume on full storage", lambda: scene.driver.create_volume(volume))
        small = scene.new_volume(group)
        extend = partial(scene.driver.extend_volume, small, too_much)
        scene.expect_refusal("extend_volume on full storage", extend)
        found = must_succeed("report", scene.driver.report).provisioned_gib
        expect(found == 1, f"refused volumes must not be counted: provisioned_gib must be 1, not {found}")


def _expect_delete_volume_refused(scene: Scenario, volume: VolumeSpec, what: str) -> None:
    scene.write(volume, "A")
    scene.expect_refusal(what, lambda: scene.driver.delete_volume(volume))
    scene.expect_volume(volume, "A", "a refused delete_volume leaves the volume as it is and served")
