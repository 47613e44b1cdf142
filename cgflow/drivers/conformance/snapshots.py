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

    def test_snapshot_is_immutable(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.write(volume, "A")
        (snapshot,) = scene.take_cgsnapshot([volume])
        scene.expect_snapshot(snapshot, "A", "a snapshot reads as it was cut")
        scene.write(volume, "B")
        scene.expect_snapshot(snapshot, "A", "an exported snapshot does not follow its volume")
        scene.unexport(snapshot)
        scene.write(volume, "C")
        scene.expect_snapshot(snapshot, "A", "a snapshot exported again reads as it was cut")

    def test_snapshot_outlives_a_resize_of_its_volume(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.write(volume, "A")
        (snapshot,) = scene.take_cgsnapshot([volume])
        scene.extend(volume, 2, "extend_volume of a volume with a snapshot")
        scene.write(volume, "B")
        scene.expect_snapshot(snapshot, "A", "a snapshot does not follow a resize of its volume")
        scene.extend(volume, 1, "extend_volume back of a volume with a snapshot")
        scene.expect_snapshot(snapshot, "A", "a snapshot does not follow a resize of its volume")
        scene.expect_volume(volume, "B", "a volume with a snapshot keeps content over a resize")

    def test_has_snapshot_until_it_is_deleted(self, scene: Scenario) -> None:
        (snapshot,) = new_snapshot_specs(scene.new_members(1))
        scene.expect_has_snapshot(snapshot, "before prepare", known=False)
        scene.prepare(snapshot)
        scene.expect_has_snapshot(snapshot, "after prepare", known=True)
        scene.cut([snapshot])
        scene.expect_has_snapshot(snapshot, "after cut", known=True)
        scene.export(snapshot)
        scene.expect_has_snapshot(snapshot, "after export_snapshot", known=True)
        scene.delete_snapshot(snapshot)
        scene.expect_has_snapshot(snapshot, "after delete_snapshot", known=False)

    def test_snapshot_is_described(self, scene: Scenario) -> None:
        (snapshot,) = scene.take_cgsnapshot(scene.new_members(1))
        facts = must_succeed("snapshot", lambda: scene.group_snapshot_driver.snapshot(snapshot))
        expect(
            isinstance(facts, dict) and bool(facts),
            f"snapshot must return facts about the snapshot, not {facts!r}",
        )
        must_succeed("snapshot: facts as JSON", lambda: json.dumps(facts))

    def test_export_and_unexport(self, scene: Scenario) -> None:
        (snapshot,) = scene.take_cgsnapshot(scene.new_members(1))
        connection = must_succeed(
            "export_snapshot", lambda: scene.group_snapshot_driver.export_snapshot(snapshot)
        )
        expect(bool(connection.protocol), "export_snapshot: protocol must not be empty")
        must_succeed("export_snapshot: data as JSON", lambda: json.dumps(connection.data))
        scene.export(snapshot)
        scene.unexport(snapshot)
        scene.export(snapshot, "export_snapshot after unexport_snapshot")
        scene.unexport(snapshot)

    def test_delete_of_prepared_snapshot(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        snapshots = new_snapshot_specs(members)
        for volume, snapshot in zip(members, snapshots, strict=True):
            scene.write(volume, "A")
            scene.prepare(snapshot)
        for snapshot in snapshots:
            scene.delete_snapshot(snapshot, "delete_snapshot of a prepared snapshot")
        _expect_usable(scene, members, "after delete_snapshot of a prepared snapshot")

    def test_delete_of_cut_snapshot(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        snapshots = scene.take_cgsnapshot(members)
        for snapshot in snapshots:
            scene.delete_snapshot(snapshot, "delete_snapshot of a cut snapshot")
        _expect_usable(scene, members, "after delete_snapshot of a cut snapshot")

    def test_delete_of_exported_snapshot(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        for volume in members:
            scene.write(volume, "A")
        snapshots = scene.take_cgsnapshot(members)
        for snapshot in snapshots:
            scene.expect_snapshot(snapshot, "A", "a snapshot reads as it was cut")
            scene.delete_snapshot(snapshot, "delete_snapshot of an exported snapshot with a reader")
        for volume in members:
            scene.expect_volume(volume, "A", "delete_snapshot leaves the volume as it is")
        _expect_usable(scene, members, "after delete_snapshot of an exported snapshot")

    def test_deleted_snapshot_is_gone(self, scene: Scenario) -> None:
        (snapshot,) = scene.take_cgsnapshot(scene.new_members(1))
        scene.delete_snapshot(snapshot)
        scene.expect_refusal(
            "snapshot of a deleted snapshot", lambda: scene.group_snapshot_driver.snapshot(snapshot)
        )
        scene.expect_refusal(
            "export_snapshot of a deleted snapshot",
            lambda: scene.group_snapshot_driver.export_snapshot(snapshot),
        )
        cut = partial(scene.group_snapshot_driver.cut, snapshot.cgsnapshot_id, snapshot.group_id, [snapshot])
        scene.expect_refusal("cut of a deleted snapshot", cut)

    def test_delete_of_oldest(self, scene: Scenario) -> None:
        _delete_one_of_three(scene, 0, "oldest")

    def test_delete_of_middle(self, scene: Scenario) -> None:
        _delete_one_of_three(scene, 1, "middle")

    def test_delete_of_newest(self, scene: Scenario) -> None:
        _delete_one_of_three(scene, 2, "newest")


def _expect_usable(scene: Scenario, members: list[VolumeSpec], when: str) -> None:
    """Check that the group still works: writes, a new cgsnapshot, and the deletion of everything."""
    for volume in members:
        scene.write(volume, "Y")
    snapshots = scene.take_cgsnapshot(members)
    for volume, snapshot in zip(members, snapshots, strict=True):
        scene.write(volume, "Z")
        scene.expect_snapshot(snapshot, "Y", f"a new snapshot {when}")
        scene.expect_volume(volume, "Z", f"a volume {when}")
        scene.delete_snapshot(snapshot)
    for volume in members:
        scene.delete_volume(volume)
    scene.delete_group(members[0].group_id or "")


def _delete_one_of_three(scene: Scenario, place: int, name: str) -> None:
    (volume,) = scene.new_members(1)
    taken: list[tuple[str, int, SnapshotSpec]] = []
    scene.write(volume, "0", 0, 64 * 1024, 128 * 1024, 192 * 1024)
    for number, letter in enumerate("ABC"):
        # Offset 0 changes each time, the other only once, so that a snapshot needs data of older ones.
        scene.write(volume, letter, 0, (number + 1) * 64 * 1024)
        taken.append((letter, number, scene.take_cgsnapshot([volume])[0]))
    scene.write(volume, "D", 0)
    scene.delete_snapshot(taken.pop(place)[2], f"delete_snapshot of the {name} of three")
    for _ in range(2):
        why = f"after delete_snapshot of the {name} of three"
        for letter, number, snapshot in taken:
            scene.expect_snapshot(snapshot, letter, f"{why}, the snapshot of {letter}", 0)
            for later in range(3):
                wanted = "ABC"[later] if later <= number else "0"
                scene.expect_snapshot(
                    snapshot, wanted, f"{why}, the snapshot of {letter}", (later + 1) * 64 * 1024
                )
        scene.expect_volume(volume, "D", why, 0)
        for number, letter in enumerate("ABC"):
            scene.expect_volume(volume, letter, why, (number + 1) * 64 * 1024)
        # The effect of a deletion must survive a restart, so check twice.
        scene.restart(why)


class PlainSnapshotRules:
    """Rules for cuts that are not of a whole group."""

    def test_plain_snapshot_of_a_volume_in_no_group(self, scene: Scenario) -> None:
        volume = scene.new_volume()
        scene.write(volume, "A")
        snapshot = scene.take_snapshot(volume)
        scene.write(volume, "B")
        scene.expect_snapshot(snapshot, "A", "a plain snapshot reads as it was cut")
        scene.expect_volume(volume, "B", "a volume in no group goes on after its plain snapshot")
        delete = partial(scene.driver.delete_volume, volume)
        scene.expect_refusal("delete_volume of a volume in no group with a snapshot", delete)
        scene.delete_snapshot(snapshot)
        scene.expect_volume(volume, "B", "delete_snapshot of a plain snapshot leaves the volume as it is")
        scene.delete_volume(volume)

    def test_plain_snapshot_of_a_member(self, scene: Scenario) -> None:
        one, other = scene.new_members(2)
        scene.write(one, "A")
        plain = scene.take_snapshot(one)
        scene.write(one, "B")
        scene.write(other, "B")
        snapshots = scene.take_cgsnapshot([one, other])
        scene.write(one, "C")
        scene.expect_snapshot(plain, "A", "a member's plain snapshot reads as it was cut")
        for snapshot in snapshots:
            scene.expect_snapshot(snapshot, "B", "a cgsnapshot after a member's plain snapshot")
        scene.delete_snapshot(plain)
        scene.expect_snapshot(snapshots[0], "B", "delete_snapshot of a plain snapshot leaves the others")

    def test_cut_of_some_members(self, scene: Scenario) -> None:
        members = scene.new_members(3)
        for volume in members:
            scene.write(volume, "A")
        snapshots = scene.take_cgsnapshot(members[:2])
        for volume in members:
            scene.write(volume, "B")
        for snapshot in snapshots:
            scene.expect_snapshot(snapshot, "A", "a snapshot in a cut of some members")
        for snapshot in scene.take_cgsnapshot(members):
            scene.expect_snapshot(snapshot, "B", "a cut of all members after one of some")

    def test_cut_of_several_volumes_without_group_is_refused(self, scene: Scenario) -> None:
        snapshots = [
            SnapshotSpec(snapshot.id, snapshot.volume_id, "none", None)
            for snapshot in new_snapshot_specs([scene.new_volume(), scene.new_volume()])
        ]
        for snapshot in snapshots:
            scene.prepare(snapshot)
        cut = partial(scene.group_snapshot_driver.cut, "none", None, snapshots)
        scene.expect_refusal("cut of two volumes outside any group", cut)

    def test_delete_unknown_plain_snapshot(self, scene: Scenario) -> None:
        for volume_id in (scene.new_volume().id, str(uuid4())):
            snapshot = SnapshotSpec(str(uuid4()), volume_id, str(uuid4()), None)
            scene.delete_snapshot(snapshot, "delete_snapshot of a plain snapshot that never was")
            scene.unexport(snapshot, "unexport_snapshot of a plain snapshot that never was")
