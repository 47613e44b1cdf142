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

    def test_create_group_twice(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        must_succeed("a second create_group", lambda: scenario.driver.create_group(volume.group_id or ""))
        scenario.check_inventory("a second create_group")

    def test_delete_group_twice(self, scenario: Scenario) -> None:
        group = scenario.new_group()
        scenario.delete_group(group)
        scenario.delete_group(group, "a second delete_group")

    def test_create_volume_twice(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        scenario.write(volume, "A")
        scenario.create_volume(volume, "a second create_volume")
        scenario.expect_volume(volume, "A", "a second create_volume leaves the volume as it is")

    def test_delete_volume_twice(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        scenario.delete_volume(volume)
        scenario.delete_volume(volume, "a second delete_volume")

    def test_extend_twice(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        scenario.write(volume, "A")
        scenario.extend(volume, 2)
        scenario.extend(volume, 2, "a second extend_volume to the same size")
        scenario.expect_volume(volume, "A", "a second extend_volume leaves the volume as it is")
        found = must_succeed("report", scenario.driver.report).provisioned_gib
        expect(found == 2, f"after extend_volume to 2 GiB twice, provisioned_gib must be 2, not {found}")

    def test_connection_twice(self, scenario: Scenario) -> None:
        volume = scenario.new_volume(scenario.new_group())
        first, second = (
            must_succeed("connection", lambda: scenario.driver.connection(volume)) for _ in range(2)
        )
        expect(first == second, f"connection must give the same address again: {first}, then {second}")

    def test_prepare_twice(self, scenario: Scenario) -> None:
        members = scenario.new_members(1)
        snapshots = new_snapshot_specs(members)
        scenario.prepare(snapshots[0])
        scenario.prepare(snapshots[0], "a second prepare")
        scenario.write(members[0], "A")
        scenario.cut(snapshots)
        scenario.expect_snapshot(snapshots[0], "A", "a snapshot prepared twice is cut once")

    def test_prepare_after_the_cut(self, scenario: Scenario) -> None:
        members = scenario.new_members(1)
        scenario.write(members[0], "A")
        (snapshot,) = scenario.take_cgsnapshot(members)
        scenario.write(members[0], "B")
        scenario.prepare(snapshot, "prepare of a snapshot that is cut")
        scenario.expect_snapshot(snapshot, "A", "prepare of a snapshot that is cut leaves it as it is")

    def test_cut_twice(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        for volume in members:
            scenario.write(volume, "A")
        snapshots = scenario.take_cgsnapshot(members)
        for volume in members:
            scenario.write(volume, "B")
        scenario.cut(snapshots, "a second cut")
        for volume, snapshot in zip(members, snapshots, strict=True):
            scenario.expect_snapshot(snapshot, "A", "a cut that has happened is never repeated")
            scenario.expect_volume(volume, "B", "a second cut leaves the volumes as they are")

    def test_snapshot_twice(self, scenario: Scenario) -> None:
        (snapshot,) = scenario.take_cgsnapshot(scenario.new_members(1))
        first, second = (
            must_succeed("snapshot", lambda: scenario.group_snapshot_driver.snapshot(snapshot))
            for _ in range(2)
        )
        expect(first == second, f"snapshot must describe a snapshot the same again: {first}, then {second}")

    def test_export_twice(self, scenario: Scenario) -> None:
        members = scenario.new_members(1)
        scenario.write(members[0], "A")
        (snapshot,) = scenario.take_cgsnapshot(members)
        scenario.export(snapshot)
        first = must_succeed(
            "a second export_snapshot", lambda: scenario.group_snapshot_driver.export_snapshot(snapshot)
        )
        second = must_succeed(
            "a third export_snapshot", lambda: scenario.group_snapshot_driver.export_snapshot(snapshot)
        )
        expect(first == second, f"export_snapshot must give the same address again: {first}, then {second}")
        scenario.expect_snapshot(snapshot, "A", "a snapshot exported again can be read")

    def test_unexport_twice(self, scenario: Scenario) -> None:
        (snapshot,) = scenario.take_cgsnapshot(scenario.new_members(1))
        scenario.export(snapshot)
        scenario.unexport(snapshot)
        scenario.unexport(snapshot, "a second unexport_snapshot")

    def test_delete_snapshot_twice(self, scenario: Scenario) -> None:
        members = scenario.new_members(1)
        scenario.write(members[0], "A")
        (snapshot,) = scenario.take_cgsnapshot(members)
        scenario.delete_snapshot(snapshot)
        scenario.delete_snapshot(snapshot, "a second delete_snapshot")
        scenario.expect_volume(members[0], "A", "a second delete_snapshot leaves the volume as it is")

    def test_delete_unknown_group(self, scenario: Scenario) -> None:
        scenario.delete_group(str(uuid4()), "delete_group of a group that never was")

    def test_delete_unknown_volume(self, scenario: Scenario) -> None:
        group = scenario.new_group()
        scenario.delete_volume(VolumeSpec(str(uuid4()), 1, group), "delete_volume of a volume that never was")
        scenario.delete_volume(VolumeSpec(str(uuid4()), 1), "delete_volume of a volume that never was")

    def test_delete_unknown_volume_in_unknown_group(self, scenario: Scenario) -> None:
        what = "delete_volume of a volume that never was, in a group that never was"
        scenario.delete_volume(VolumeSpec(str(uuid4()), 1, str(uuid4())), what)

    def test_delete_unknown_snapshot(self, scenario: Scenario) -> None:
        (snapshot,) = new_snapshot_specs(scenario.new_members(1))
        scenario.delete_snapshot(snapshot, "delete_snapshot of a snapshot that never was")
        scenario.unexport(snapshot, "unexport_snapshot of a snapshot that never was")

    def test_delete_snapshot_of_unknown_volume(self, scenario: Scenario) -> None:
        snapshot = SnapshotSpec(str(uuid4()), str(uuid4()), str(uuid4()), str(uuid4()))
        scenario.delete_snapshot(
            snapshot, "delete_snapshot of a snapshot that never was, of a volume that never was"
        )
        scenario.unexport(
            snapshot, "unexport_snapshot of a snapshot that never was, of a volume that never was"
        )


class RefusalRules:
    """Rules for objects that are unknown, in use, or not ready."""

    def test_create_volume_in_unknown_group_is_refused(self, scenario: Scenario) -> None:
        volume = VolumeSpec(str(uuid4()), 1, str(uuid4()))
        scenario.expect_refusal(
            "create_volume in an unknown group", lambda: scenario.driver.create_volume(volume)
        )

    def test_connection_of_unknown_volume_is_refused(self, scenario: Scenario) -> None:
        for group in (None, scenario.new_group()):
            volume = VolumeSpec(str(uuid4()), 1, group)
            scenario.expect_refusal(
                "connection of an unknown volume", partial(scenario.driver.connection, volume)
            )

    def test_extend_of_unknown_volume_is_refused(self, scenario: Scenario) -> None:
        volume = VolumeSpec(str(uuid4()), 1, scenario.new_group())
        scenario.expect_refusal(
            "extend_volume of an unknown volume", lambda: scenario.driver.extend_volume(volume, 2)
        )

    def test_prepare_of_unknown_volume_is_refused(self, scenario: Scenario) -> None:
        (snapshot,) = new_snapshot_specs([VolumeSpec(str(uuid4()), 1, scenario.new_group())])
        scenario.expect_refusal(
            "prepare for an unknown volume", lambda: scenario.group_snapshot_driver.prepare(snapshot)
        )

    def test_calls_on_unknown_snapshot_are_refused(self, scenario: Scenario) -> None:
        (snapshot,) = new_snapshot_specs(scenario.new_members(1))
        scenario.expect_refusal(
            "snapshot of an unknown snapshot", lambda: scenario.group_snapshot_driver.snapshot(snapshot)
        )
        scenario.expect_refusal(
            "export_snapshot of an unknown snapshot",
            lambda: scenario.group_snapshot_driver.export_snapshot(snapshot),
        )

    def test_cut_of_unknown_group_is_refused(self, scenario: Scenario) -> None:
        snapshot = SnapshotSpec(str(uuid4()), str(uuid4()), str(uuid4()), str(uuid4()))
        cut = partial(
            scenario.group_snapshot_driver.cut, snapshot.cgsnapshot_id, snapshot.group_id, [snapshot]
        )
        scenario.expect_refusal("cut of an unknown group", cut)

    def test_snapshot_call_on_uncut_snapshot_is_refused(self, scenario: Scenario) -> None:
        (snapshot,) = new_snapshot_specs(scenario.new_members(1))
        scenario.prepare(snapshot)
        scenario.expect_refusal(
            "a call of snapshot for a snapshot that is not cut",
            lambda: scenario.group_snapshot_driver.snapshot(snapshot),
        )
        scenario.expect_refusal(
            "export_snapshot of a snapshot that is not cut",
            lambda: scenario.group_snapshot_driver.export_snapshot(snapshot),
        )

    def test_delete_group_with_volumes_is_refused(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        scenario.write(volume, "A")
        delete = partial(scenario.driver.delete_group, volume.group_id or "")
        scenario.expect_refusal("delete_group of a group with volumes", delete)
        scenario.expect_volume(volume, "A", "a refused delete_group leaves the volumes as they are")

    def test_delete_volume_with_prepared_snapshot_is_refused(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        (snapshot,) = new_snapshot_specs([volume])
        scenario.prepare(snapshot)
        _expect_delete_volume_refused(scenario, volume, "delete_volume of a volume with a prepared snapshot")
        scenario.delete_snapshot(snapshot)
        scenario.delete_volume(volume, "delete_volume of a volume whose prepared snapshot is gone")

    def test_delete_volume_with_snapshot_is_refused(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        (snapshot,) = scenario.take_cgsnapshot([volume])
        _expect_delete_volume_refused(scenario, volume, "delete_volume of a volume with a snapshot")
        scenario.delete_snapshot(snapshot)
        scenario.delete_volume(volume, "delete_volume of a volume whose snapshot is gone")

    def test_volume_larger_than_free_space(self, scenario: Scenario) -> None:
        report = must_succeed("report", scenario.driver.report)
        group = scenario.new_group()
        too_much = int(report.free_gib) + 1
        volume = VolumeSpec(str(uuid4()), too_much, group)
        if report.thin:
            # A thin volume fits, because nothing is written yet; the scheduler limits over-subscription.
            scenario.create_volume(volume, "create_volume of more than is free, on thin storage")
            counted = must_succeed("report", scenario.driver.report).provisioned_gib
            expect(
                counted == too_much, f"provisioned_gib must be {too_much} for a thin volume, not {counted}"
            )
            scenario.delete_volume(volume)
            return
        scenario.expect_refusal(
            "create_volume on full storage", lambda: scenario.driver.create_volume(volume)
        )
        small = scenario.new_volume(group)
        extend = partial(scenario.driver.extend_volume, small, too_much)
        scenario.expect_refusal("extend_volume on full storage", extend)
        found = must_succeed("report", scenario.driver.report).provisioned_gib
        expect(found == 1, f"refused volumes must not be counted: provisioned_gib must be 1, not {found}")


def _expect_delete_volume_refused(scenario: Scenario, volume: VolumeSpec, what: str) -> None:
    scenario.write(volume, "A")
    scenario.expect_refusal(what, lambda: scenario.driver.delete_volume(volume))
    scenario.expect_volume(volume, "A", "a refused delete_volume leaves the volume as it is and served")
