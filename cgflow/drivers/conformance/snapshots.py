"""Rules for snapshots: immutable, readable only while exported, and completely gone when deleted.

Plain snapshots and cuts of some members contain only the named volumes.
"""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

import json
from functools import partial
from uuid import uuid4

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec


class SnapshotRules:
    """Rules for snapshots after the cut, and for their deletion in every state."""

    def test_snapshot_is_immutable(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        scenario.write(volume, "A")
        (snapshot,) = scenario.take_cgsnapshot([volume])
        scenario.expect_snapshot(snapshot, "A", "a snapshot reads as it was cut")
        scenario.write(volume, "B")
        scenario.expect_snapshot(snapshot, "A", "an exported snapshot does not follow its volume")
        scenario.unexport(snapshot)
        scenario.write(volume, "C")
        scenario.expect_snapshot(snapshot, "A", "a snapshot exported again reads as it was cut")

    def test_snapshot_outlives_a_resize_of_its_volume(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        scenario.write(volume, "A")
        (snapshot,) = scenario.take_cgsnapshot([volume])
        scenario.extend(volume, 2, "extend_volume of a volume with a snapshot")
        scenario.write(volume, "B")
        scenario.expect_snapshot(snapshot, "A", "a snapshot does not follow a resize of its volume")
        scenario.extend(volume, 1, "extend_volume back of a volume with a snapshot")
        scenario.expect_snapshot(snapshot, "A", "a snapshot does not follow a resize of its volume")
        scenario.expect_volume(volume, "B", "a volume with a snapshot keeps content over a resize")

    def test_has_snapshot_until_it_is_deleted(self, scenario: Scenario) -> None:
        (snapshot,) = new_snapshot_specs(scenario.new_members(1))
        scenario.expect_has_snapshot(snapshot, "before prepare", known=False)
        scenario.prepare(snapshot)
        scenario.expect_has_snapshot(snapshot, "after prepare", known=True)
        scenario.cut([snapshot])
        scenario.expect_has_snapshot(snapshot, "after cut", known=True)
        scenario.export(snapshot)
        scenario.expect_has_snapshot(snapshot, "after export_snapshot", known=True)
        scenario.delete_snapshot(snapshot)
        scenario.expect_has_snapshot(snapshot, "after delete_snapshot", known=False)

    def test_snapshot_is_described(self, scenario: Scenario) -> None:
        (snapshot,) = scenario.take_cgsnapshot(scenario.new_members(1))
        facts = must_succeed("snapshot", lambda: scenario.group_snapshot_driver.snapshot(snapshot))
        expect(
            isinstance(facts, dict) and bool(facts),
            f"snapshot must return facts about the snapshot, not {facts!r}",
        )
        must_succeed("snapshot: facts as JSON", lambda: json.dumps(facts))

    def test_export_and_unexport(self, scenario: Scenario) -> None:
        (snapshot,) = scenario.take_cgsnapshot(scenario.new_members(1))
        connection = must_succeed(
            "export_snapshot", lambda: scenario.group_snapshot_driver.export_snapshot(snapshot)
        )
        expect(bool(connection.protocol), "export_snapshot: protocol must not be empty")
        must_succeed("export_snapshot: data as JSON", lambda: json.dumps(connection.data))
        scenario.export(snapshot)
        scenario.unexport(snapshot)
        scenario.export(snapshot, "export_snapshot after unexport_snapshot")
        scenario.unexport(snapshot)

    def test_delete_of_prepared_snapshot(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        snapshots = new_snapshot_specs(members)
        for volume, snapshot in zip(members, snapshots, strict=True):
            scenario.write(volume, "A")
            scenario.prepare(snapshot)
        for snapshot in snapshots:
            scenario.delete_snapshot(snapshot, "delete_snapshot of a prepared snapshot")
        _expect_usable(scenario, members, "after delete_snapshot of a prepared snapshot")

    def test_delete_of_cut_snapshot(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        snapshots = scenario.take_cgsnapshot(members)
        for snapshot in snapshots:
            scenario.delete_snapshot(snapshot, "delete_snapshot of a cut snapshot")
        _expect_usable(scenario, members, "after delete_snapshot of a cut snapshot")

    def test_delete_of_exported_snapshot(self, scenario: Scenario) -> None:
        members = scenario.new_members(2)
        for volume in members:
            scenario.write(volume, "A")
        snapshots = scenario.take_cgsnapshot(members)
        for snapshot in snapshots:
            scenario.expect_snapshot(snapshot, "A", "a snapshot reads as it was cut")
            scenario.delete_snapshot(snapshot, "delete_snapshot of an exported snapshot with a reader")
        for volume in members:
            scenario.expect_volume(volume, "A", "delete_snapshot leaves the volume as it is")
        _expect_usable(scenario, members, "after delete_snapshot of an exported snapshot")

    def test_deleted_snapshot_is_gone(self, scenario: Scenario) -> None:
        (snapshot,) = scenario.take_cgsnapshot(scenario.new_members(1))
        scenario.delete_snapshot(snapshot)
        scenario.expect_refusal(
            "snapshot of a deleted snapshot", lambda: scenario.group_snapshot_driver.snapshot(snapshot)
        )
        scenario.expect_refusal(
            "export_snapshot of a deleted snapshot",
            lambda: scenario.group_snapshot_driver.export_snapshot(snapshot),
        )
        cut = partial(
            scenario.group_snapshot_driver.cut, snapshot.cgsnapshot_id, snapshot.group_id, [snapshot]
        )
        scenario.expect_refusal("cut of a deleted snapshot", cut)

    def test_delete_of_oldest(self, scenario: Scenario) -> None:
        _delete_one_of_three(scenario, 0, "oldest")

    def test_delete_of_middle(self, scenario: Scenario) -> None:
        _delete_one_of_three(scenario, 1, "middle")

    def test_delete_of_newest(self, scenario: Scenario) -> None:
        _delete_one_of_three(scenario, 2, "newest")


def _expect_usable(scenario: Scenario, members: list[VolumeSpec], when: str) -> None:
    """Check that the group still works: writes, a new cgsnapshot, and the deletion of everything."""
    for volume in members:
        scenario.write(volume, "Y")
    snapshots = scenario.take_cgsnapshot(members)
    for volume, snapshot in zip(members, snapshots, strict=True):
        scenario.write(volume, "Z")
        scenario.expect_snapshot(snapshot, "Y", f"a new snapshot {when}")
        scenario.expect_volume(volume, "Z", f"a volume {when}")
        scenario.delete_snapshot(snapshot)
    for volume in members:
        scenario.delete_volume(volume)
    scenario.delete_group(members[0].group_id or "")


def _delete_one_of_three(scenario: Scenario, place: int, name: str) -> None:
    (volume,) = scenario.new_members(1)
    taken: list[tuple[str, int, SnapshotSpec]] = []
    scenario.write(volume, "0", 0, 64 * 1024, 128 * 1024, 192 * 1024)
    for number, letter in enumerate("ABC"):
        # Offset 0 changes each time, the other only once, so that a snapshot needs data of older ones.
        scenario.write(volume, letter, 0, (number + 1) * 64 * 1024)
        taken.append((letter, number, scenario.take_cgsnapshot([volume])[0]))
    scenario.write(volume, "D", 0)
    scenario.delete_snapshot(taken.pop(place)[2], f"delete_snapshot of the {name} of three")
    for _ in range(2):
        why = f"after delete_snapshot of the {name} of three"
        for letter, number, snapshot in taken:
            scenario.expect_snapshot(snapshot, letter, f"{why}, the snapshot of {letter}", 0)
            for later in range(3):
                expected = "ABC"[later] if later <= number else "0"
                scenario.expect_snapshot(
                    snapshot, expected, f"{why}, the snapshot of {letter}", (later + 1) * 64 * 1024
                )
        scenario.expect_volume(volume, "D", why, 0)
        for number, letter in enumerate("ABC"):
            scenario.expect_volume(volume, letter, why, (number + 1) * 64 * 1024)
        # The effect of a deletion must survive a restart, so check twice.
        scenario.restart(why)


class PlainSnapshotRules:
    """Rules for cuts that are not of a whole group."""

    def test_plain_snapshot_of_a_volume_in_no_group(self, scenario: Scenario) -> None:
        volume = scenario.new_volume()
        scenario.write(volume, "A")
        snapshot = scenario.take_snapshot(volume)
        scenario.write(volume, "B")
        scenario.expect_snapshot(snapshot, "A", "a plain snapshot reads as it was cut")
        scenario.expect_volume(volume, "B", "a volume in no group goes on after its plain snapshot")
        delete = partial(scenario.driver.delete_volume, volume)
        scenario.expect_refusal("delete_volume of a volume in no group with a snapshot", delete)
        scenario.delete_snapshot(snapshot)
        scenario.expect_volume(volume, "B", "delete_snapshot of a plain snapshot leaves the volume as it is")
        scenario.delete_volume(volume)

    def test_plain_snapshot_of_a_member(self, scenario: Scenario) -> None:
        one, other = scenario.new_members(2)
        scenario.write(one, "A")
        plain = scenario.take_snapshot(one)
        scenario.write(one, "B")
        scenario.write(other, "B")
        snapshots = scenario.take_cgsnapshot([one, other])
        scenario.write(one, "C")
        scenario.expect_snapshot(plain, "A", "a member's plain snapshot reads as it was cut")
        for snapshot in snapshots:
            scenario.expect_snapshot(snapshot, "B", "a cgsnapshot after a member's plain snapshot")
        scenario.delete_snapshot(plain)
        scenario.expect_snapshot(snapshots[0], "B", "delete_snapshot of a plain snapshot leaves the others")

    def test_cut_of_some_members(self, scenario: Scenario) -> None:
        members = scenario.new_members(3)
        for volume in members:
            scenario.write(volume, "A")
        snapshots = scenario.take_cgsnapshot(members[:2])
        for volume in members:
            scenario.write(volume, "B")
        for snapshot in snapshots:
            scenario.expect_snapshot(snapshot, "A", "a snapshot in a cut of some members")
        for snapshot in scenario.take_cgsnapshot(members):
            scenario.expect_snapshot(snapshot, "B", "a cut of all members after one of some")

    def test_cut_of_several_volumes_without_group_is_refused(self, scenario: Scenario) -> None:
        snapshots = [
            SnapshotSpec(snapshot.id, snapshot.volume_id, "none", None)
            for snapshot in new_snapshot_specs([scenario.new_volume(), scenario.new_volume()])
        ]
        for snapshot in snapshots:
            scenario.prepare(snapshot)
        cut = partial(scenario.group_snapshot_driver.cut, "none", None, snapshots)
        scenario.expect_refusal("cut of two volumes outside any group", cut)

    def test_delete_unknown_plain_snapshot(self, scenario: Scenario) -> None:
        for volume_id in (scenario.new_volume().id, str(uuid4())):
            snapshot = SnapshotSpec(str(uuid4()), volume_id, str(uuid4()), None)
            scenario.delete_snapshot(snapshot, "delete_snapshot of a plain snapshot that never was")
            scenario.unexport(snapshot, "unexport_snapshot of a plain snapshot that never was")
