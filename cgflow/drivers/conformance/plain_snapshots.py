"""Rules for plain snapshots and for cuts of some members: a cut contains only the named volumes."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial
from uuid import uuid4

from cgflow.drivers.conformance.scenario import Scenario, new_snapshot_specs
from cgflow.drivers.contract import SnapshotSpec


class PlainSnapshotRules:
    """Rules for cuts that are not of a whole group."""

    def test_plain_snapshot_of_a_volume_in_no_group(self, scene: Scenario) -> None:
        volume = scene.new_volume()
        scene.write(volume, "A")
        copy = scene.take_plain(volume)
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
        plain = scene.take_plain(one)
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
