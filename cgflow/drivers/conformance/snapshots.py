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

    def test_copy_is_immutable(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.write(volume, "A")
        (copy,) = scene.take([volume])
        scene.expect_copy(copy, "A", "a copy reads as it was cut")
        scene.write(volume, "B")
        scene.expect_copy(copy, "A", "an exported copy does not follow its volume")
        scene.unexport(copy)
        scene.write(volume, "C")
        scene.expect_copy(copy, "A", "a copy exported again reads as it was cut")

    def test_copy_outlives_a_resize_of_its_volume(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.write(volume, "A")
        (copy,) = scene.take([volume])
        scene.extend(volume, 2, "extend_volume of a volume with a snapshot")
        scene.write(volume, "B")
        scene.expect_copy(copy, "A", "a copy does not follow a resize of its volume")
        scene.extend(volume, 1, "extend_volume back of a volume with a snapshot")
        scene.expect_copy(copy, "A", "a copy does not follow a resize of its volume")
        scene.expect_volume(volume, "B", "a volume with a snapshot keeps content over a resize")

    def test_copy_is_known_until_it_is_deleted(self, scene: Scenario) -> None:
        (copy,) = new_snapshot_specs(scene.new_members(1))
        scene.expect_known(copy, "before prepare", known=False)
        scene.prepare(copy)
        scene.expect_known(copy, "after prepare", known=True)
        scene.cut([copy])
        scene.expect_known(copy, "after cut", known=True)
        scene.export(copy)
        scene.expect_known(copy, "after export_snapshot", known=True)
        scene.delete_copy(copy)
        scene.expect_known(copy, "after delete_snapshot", known=False)

    def test_snapshot_describes_a_copy(self, scene: Scenario) -> None:
        (copy,) = scene.take(scene.new_members(1))
        facts = must_succeed("snapshot", lambda: scene.cutter.snapshot(copy))
        expect(
            isinstance(facts, dict) and bool(facts),
            f"snapshot must return facts about the copy, not {facts!r}",
        )
        must_succeed("snapshot: facts as JSON", lambda: json.dumps(facts))

    def test_export_comes_and_goes(self, scene: Scenario) -> None:
        (copy,) = scene.take(scene.new_members(1))
        connection = must_succeed("export_snapshot", lambda: scene.cutter.export_snapshot(copy))
        expect(bool(connection.protocol), "export_snapshot: protocol must not be empty")
        must_succeed("export_snapshot: data as JSON", lambda: json.dumps(connection.data))
        scene.export(copy)
        scene.unexport(copy)
        scene.export(copy, "export_snapshot after unexport_snapshot")
        scene.unexport(copy)

    def test_delete_of_prepared_copy(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        copies = new_snapshot_specs(members)
        for volume, copy in zip(members, copies, strict=True):
            scene.write(volume, "A")
            scene.prepare(copy)
        for copy in copies:
            scene.delete_copy(copy, "delete_snapshot of a prepared copy")
        _expect_usable(scene, members, "after delete_snapshot of a prepared copy")

    def test_delete_of_cut_copy(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        copies = scene.take(members)
        for copy in copies:
            scene.delete_copy(copy, "delete_snapshot of a cut copy")
        _expect_usable(scene, members, "after delete_snapshot of a cut copy")

    def test_delete_of_exported_copy(self, scene: Scenario) -> None:
        members = scene.new_members(2)
        for volume in members:
            scene.write(volume, "A")
        copies = scene.take(members)
        for copy in copies:
            scene.expect_copy(copy, "A", "a copy reads as it was cut")
            scene.delete_copy(copy, "delete_snapshot of an exported copy with a reader")
        for volume in members:
            scene.expect_volume(volume, "A", "delete_snapshot leaves the volume as it is")
        _expect_usable(scene, members, "after delete_snapshot of an exported copy")

    def test_deleted_copy_is_gone(self, scene: Scenario) -> None:
        (copy,) = scene.take(scene.new_members(1))
        scene.delete_copy(copy)
        scene.refuse("snapshot of a deleted copy", lambda: scene.cutter.snapshot(copy))
        scene.refuse("export_snapshot of a deleted copy", lambda: scene.cutter.export_snapshot(copy))
        cut = partial(scene.cutter.cut, copy.cgsnapshot_id, copy.group_id, [copy])
        scene.refuse("cut of a deleted copy", cut)

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
    copies = scene.take(members)
    for volume, copy in zip(members, copies, strict=True):
        scene.write(volume, "Z")
        scene.expect_copy(copy, "Y", f"a new copy {when}")
        scene.expect_volume(volume, "Z", f"a volume {when}")
        scene.delete_copy(copy)
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
        taken.append((letter, number, scene.take([volume])[0]))
    scene.write(volume, "D", 0)
    scene.delete_copy(taken.pop(place)[2], f"delete_snapshot of the {name} of three")
    for _ in range(2):
        why = f"after delete_snapshot of the {name} of three"
        for letter, number, copy in taken:
            scene.expect_copy(copy, letter, f"{why}, the copy of {letter}", 0)
            for later in range(3):
                wanted = "ABC"[later] if later <= number else "0"
                scene.expect_copy(copy, wanted, f"{why}, the copy of {letter}", (later + 1) * 64 * 1024)
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
        copy = scene.take_snapshot(volume)
        scene.write(volume, "B")
        scene.expect_copy(copy, "A", "a plain snapshot reads as it was cut")
        scene.expect_volume(volume, "B", "a volume in no group goes on after its plain snapshot")
        delete = partial(scene.driver.delete_volume, volume)
        scene.refuse("delete_volume of a volume in no group with a snapshot", delete)
        scene.delete_copy(copy)
        scene.expect_volume(volume, "B", "delete_snapshot of a plain snapshot leaves the volume as it is")
        scene.delete_volume(volume)

    def test_plain_snapshot_of_a_member(self, scene: Scenario) -> None:
        one, other = scene.new_members(2)
        scene.write(one, "A")
        plain = scene.take_snapshot(one)
        scene.write(one, "B")
        scene.write(other, "B")
        copies = scene.take([one, other])
        scene.write(one, "C")
        scene.expect_copy(plain, "A", "a member's plain snapshot reads as it was cut")
        for copy in copies:
            scene.expect_copy(copy, "B", "a cgsnapshot after a member's plain snapshot")
        scene.delete_copy(plain)
        scene.expect_copy(copies[0], "B", "delete_snapshot of a plain snapshot leaves the others")

    def test_cut_of_some_members(self, scene: Scenario) -> None:
        members = scene.new_members(3)
        for volume in members:
            scene.write(volume, "A")
        copies = scene.take(members[:2])
        for volume in members:
            scene.write(volume, "B")
        for copy in copies:
            scene.expect_copy(copy, "A", "a copy in a cut of some members")
        for copy in scene.take(members):
            scene.expect_copy(copy, "B", "a cut of all members after one of some")

    def test_cut_of_volumes_in_no_group(self, scene: Scenario) -> None:
        copies = [
            SnapshotSpec(copy.id, copy.volume_id, "none", None)
            for copy in new_snapshot_specs([scene.new_volume(), scene.new_volume()])
        ]
        for copy in copies:
            scene.prepare(copy)
        cut = partial(scene.cutter.cut, "none", None, copies)
        scene.refuse("cut of two volumes outside any group", cut)

    def test_undo_of_no_plain_snapshot(self, scene: Scenario) -> None:
        for volume_id in (scene.new_volume().id, str(uuid4())):
            copy = SnapshotSpec(str(uuid4()), volume_id, str(uuid4()), None)
            scene.delete_copy(copy, "delete_snapshot of a plain snapshot that never was")
            scene.unexport(copy, "unexport_snapshot of a plain snapshot that never was")
