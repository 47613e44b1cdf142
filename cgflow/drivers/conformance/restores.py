"""Rules for restores: all volumes or none, snapshots stay, undo is possible until the finish."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial
from itertools import permutations
from uuid import uuid4

from cgflow.drivers.conformance.scenario import GIB, Scenario
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec

ZERO = "\0"

BELOW = 5 << 20
"""Byte offset of data written before the oldest snapshot, which newer snapshots read from older layers."""


class RestoreRules:
    """Rules for volumes that are restored to their snapshots."""

    def test_restore_brings_back_snapshot_content(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        scene.restore("r", snapshots)
        _expect_content(scene, members, "A", "a volume that was restored")
        scene.finish_restore("r", snapshots)
        _expect_content(scene, members, "A", "a volume whose restore is finished")
        for volume, snapshot in zip(members, snapshots, strict=True):
            scene.write(volume, "C")
            scene.expect_snapshot(snapshot, "A", "writes after a restore do not change the snapshot")
            scene.delete_snapshot(snapshot)
            scene.expect_volume(volume, "C", "delete_snapshot of the snapshot that was restored to")
            scene.delete_volume(volume)

    def test_undo_restore_brings_back_previous_content(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        scene.restore("r", snapshots)
        for volume in members:
            scene.write(volume, "C")
        scene.undo_restore("r", snapshots, "undo_restore with clients connected")
        _expect_content(scene, members, "B", "a volume whose restore is undone")
        for volume, snapshot in zip(members, snapshots, strict=True):
            scene.write(volume, "D")
            scene.expect_snapshot(snapshot, "A", "a snapshot after undo_restore")
        scene.take_cgsnapshot(members)

    def test_restore_of_a_volume_in_no_group(self, scene: Scenario) -> None:
        scene.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
        volume = scene.new_volume()
        scene.write(volume, "A")
        snapshot = scene.take_snapshot(volume)
        scene.write(volume, "B")
        scene.restore("r", [snapshot])
        scene.finish_restore("r", [snapshot])
        scene.expect_volume(volume, "A", "a volume in no group that was restored")

    def test_restore_twice(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        scene.restore("r", snapshots)
        for volume in members:
            scene.write(volume, "C")
        scene.restore("r", snapshots, "a second restore")
        _expect_content(scene, members, "C", "a second restore leaves the volumes as they are")
        scene.undo_restore("r", snapshots)
        scene.undo_restore("r", snapshots, "a second undo_restore")
        _expect_content(scene, members, "B", "a restore made twice is undone")
        scene.finish_restore("r", snapshots, "finish_restore after undo_restore")
        _expect_content(
            scene, members, "B", "finish_restore after undo_restore leaves the volumes as they are"
        )

    def test_finish_restore_twice(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        scene.restore("r", snapshots)
        scene.finish_restore("r", snapshots)
        scene.finish_restore("r", snapshots, "a second finish_restore")
        scene.undo_restore("r", snapshots, "undo_restore after finish_restore")
        _expect_content(scene, members, "A", "a restore that is finished")
        scene.restore("next", snapshots, "a restore after another")
        scene.finish_restore("next", snapshots)
        _expect_content(scene, members, "A", "a volume restored again")

    def test_undo_of_unknown_restore(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        scene.undo_restore("r", snapshots, "undo_restore of a restore that never was")
        scene.finish_restore("r", snapshots, "finish_restore of a restore that never was")
        nowhere = [SnapshotSpec(str(uuid4()), str(uuid4()), "c", group) for group in (None, str(uuid4()))]
        for snapshot in nowhere:
            scene.undo_restore("r", [snapshot], "undo_restore of a volume that never was")
            scene.finish_restore("r", [snapshot], "finish_restore of a volume that never was")
        _expect_content(scene, members, "B", "undo of a restore that never was")

    def test_restore_is_all_or_nothing(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        scene.delete_snapshot(snapshots[1])
        for first in (snapshots, snapshots[::-1]):
            restore = partial(scene.restoring_driver.restore, "r", first)
            scene.expect_refusal("restore to snapshots of which one is gone", restore)
            _expect_content(scene, members, "B", "a restore that was refused changes no volume")
        _expect_usable(scene, members)

    def test_newer_snapshots_outlive_a_restore(self, scene: Scenario) -> None:
        (volume,), ((first,), (second,), (third,)) = _take_three_cgsnapshots(scene)
        scene.restore("r", [first])
        for snapshot, letter in ((first, "A"), (second, "B"), (third, "C")):
            scene.expect_snapshot(snapshot, letter, "a snapshot during a restore")
        scene.finish_restore("r", [first])
        scene.restart("after finish_restore")
        for snapshot, letter in ((first, "A"), (second, "B"), (third, "C")):
            scene.expect_snapshot(snapshot, letter, "a snapshot after a restore")
            scene.unexport(snapshot)
        scene.expect_volume(volume, "A", "a volume restored to its oldest snapshot")
        scene.write(volume, "D", 0)
        scene.restore("forth", [second], "restore to a newer snapshot")
        scene.expect_volume(volume, "B", "a volume restored to a newer snapshot")
        scene.undo_restore("forth", [second])
        scene.expect_volume(volume, "D", "a volume after undo_restore", 0)
        scene.restore("again", [third], "restore to the newest snapshot")
        scene.finish_restore("again", [third])
        scene.expect_volume(volume, "C", "a volume restored to its newest snapshot")

    def test_snapshots_can_be_deleted_in_any_order_after_a_restore(self, scene: Scenario) -> None:
        for order in list(permutations(range(4)))[::5]:
            (volume,), taken = _take_three_cgsnapshots(scene)
            letters, below = ["A", "B", "C", "E"], ["A", "A", "A", "E"]
            snapshots = [snapshot for (snapshot,) in taken]
            scene.restore("r", [snapshots[1]])
            scene.finish_restore("r", [snapshots[1]])
            scene.write(volume, "E")
            scene.write(volume, "E", BELOW)
            snapshots += scene.take_cgsnapshot([volume])
            scene.write(volume, "F", 0)
            left = set(order)
            for place in order:
                why = f"delete_snapshot after a restore, in order {order}"
                scene.delete_snapshot(snapshots[place], why)
                left.discard(place)
                for other in left:
                    scene.expect_snapshot(snapshots[other], letters[other], why)
                    scene.expect_snapshot(snapshots[other], below[other], why, BELOW)
                    scene.unexport(snapshots[other])
                scene.expect_volume(volume, "F", why, 0)
                scene.expect_volume(volume, "E", why, GIB - 4096)
            scene.harness.disconnect(volume)
            scene.delete_volume(volume)
            scene.delete_group(volume.group_id or "")

    def test_restore_keeps_volume_size(self, scene: Scenario) -> None:
        (volume, _), snapshots = _create_members_with_snapshots(scene)
        scene.extend(volume, 2)
        scene.write(volume, "B", GIB)
        scene.restore("r", snapshots)
        scene.expect_volume(volume, "A", "a volume extended after the snapshot and restored")
        scene.expect_volume(volume, ZERO, "past the snapshot a restored volume reads as zeros", GIB)
        scene.undo_restore("r", snapshots)
        scene.expect_volume(volume, "B", "undo_restore of a volume extended after the snapshot", 0, GIB)

    def test_snapshot_larger_than_its_volume_is_refused(self, scene: Scenario) -> None:
        scene.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
        (volume,) = scene.new_members(1)
        (small,) = scene.take_cgsnapshot([volume])
        scene.extend(volume, 2)
        (large,) = scene.take_cgsnapshot([volume])
        scene.restore("r", [small])
        scene.finish_restore("r", [small])
        scene.delete_snapshot(small)
        scene.extend(volume, 1, "extend_volume back of a volume that was restored")
        scene.harness.disconnect(volume)
        scene.expect_refusal(
            "restore to a larger snapshot", partial(scene.restoring_driver.restore, "s", [large])
        )
        scene.extend(volume, 2)
        scene.restore("s", [large], "restore to a snapshot that fits again")

    def test_unfinished_restore_blocks_other_changes(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        prepared = SnapshotSpec(str(uuid4()), members[0].id, str(uuid4()), members[0].group_id)
        scene.prepare(prepared)
        scene.restore("r", snapshots)
        volume, late = members[0], SnapshotSpec(str(uuid4()), members[0].id, "late", members[0].group_id)
        cut = partial(scene.group_snapshot_driver.cut, prepared.cgsnapshot_id, prepared.group_id, [prepared])
        for what, call in (
            ("extend_volume", partial(scene.driver.extend_volume, volume, 2)),
            ("prepare", partial(scene.group_snapshot_driver.prepare, late)),
            ("cut", cut),
            ("another restore", partial(scene.restoring_driver.restore, "s", snapshots)),
            ("a restore of other snapshots", partial(scene.restoring_driver.restore, "r", snapshots[:1])),
        ):
            scene.expect_refusal(f"{what} while a restore is unfinished", call)
        scene.finish_restore("r", snapshots)
        scene.cut([prepared], "cut of a snapshot prepared before a restore")
        scene.write(volume, "C")
        scene.expect_snapshot(prepared, "A", "a snapshot prepared before a restore and cut after it")
        _expect_usable(scene, members)

    def test_unfinished_restore_survives_a_restart(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        scene.restore("r", snapshots)
        scene.restart("in an unfinished restore")
        _expect_content(scene, members, "A", "a restore survives a restart")
        scene.undo_restore("r", snapshots)
        _expect_content(scene, members, "B", "what a restore keeps survives a restart")
        for volume in members:
            scene.write(volume, "C")

    def test_restored_snapshot_can_be_deleted_before_finish(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        scene.restore("r", snapshots)
        for snapshot in snapshots:
            scene.delete_snapshot(snapshot, "delete_snapshot of a snapshot that is restored to")
        _expect_content(scene, members, "A", "a restored volume whose snapshot is gone")
        scene.undo_restore("r", snapshots)
        _expect_content(scene, members, "B", "undo_restore when the snapshots are gone")
        _expect_usable(scene, members)

    def test_volume_can_be_deleted_before_finish(self, scene: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scene)
        scene.restore("r", snapshots)
        scene.delete_snapshot(snapshots[0])
        scene.delete_volume(members[0], "delete_volume in an unfinished restore")
        scene.undo_restore("r", snapshots, "undo_restore when a volume is gone")
        scene.expect_volume(members[1], "B", "undo_restore when another volume is gone")


def _create_members_with_snapshots(scene: Scenario) -> tuple[list[VolumeSpec], list[SnapshotSpec]]:
    """Return two members that hold B, and snapshots of them that hold A."""
    scene.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
    members = scene.new_members(2)
    for volume in members:
        scene.write(volume, "A")
    snapshots = scene.take_cgsnapshot(members)
    for volume in members:
        scene.write(volume, "B")
    return members, snapshots


def _take_three_cgsnapshots(scene: Scenario) -> tuple[list[VolumeSpec], list[list[SnapshotSpec]]]:
    """Return a member that holds D, and snapshots of it that hold A, B and C."""
    scene.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
    members = scene.new_members(1)
    scene.write(members[0], "A", BELOW)
    taken = []
    for letter in "ABC":
        scene.write(members[0], letter)
        taken.append(scene.take_cgsnapshot(members))
    scene.write(members[0], "D")
    return members, taken


def _expect_content(scene: Scenario, members: list[VolumeSpec], letter: str, why: str) -> None:
    for volume in members:
        scene.expect_volume(volume, letter, why)


def _expect_usable(scene: Scenario, members: list[VolumeSpec]) -> None:
    """Check that the volumes can be written and cut."""
    for volume in members:
        scene.write(volume, "Y")
    for volume, snapshot in zip(members, scene.take_cgsnapshot(members), strict=True):
        scene.write(volume, "Z")
        scene.expect_snapshot(snapshot, "Y", "a snapshot taken afterwards")
