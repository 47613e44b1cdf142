"""Rules for moves: a volume moves with all its snapshots, and is in one group only."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial
from uuid import uuid4

from cgflow.drivers.conformance.scenario import Scenario
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec


class GroupMoveRules:
    """Rules for volumes that change groups."""

    def test_move_to_another_group(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        (other,) = scene.new_members(1)
        moved = scene.move(volume, other.group_id)
        _expect_intact(scene, moved, snapshot, "a volume moved to another group")
        scene.write(moved, "C")
        snapshots = scene.take_cgsnapshot([other, moved])
        scene.write(moved, "D")
        scene.expect_snapshot(snapshots[1], "C", "a volume that was moved is cut with its new group")
        _expect_deletable(scene, moved, snapshot, snapshots[1])
        scene.delete_group(volume.group_id or "", "delete_group of a group whose volume was moved")

    def test_move_out_of_a_group_and_back(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        moved = scene.move(volume, None, "move_volume to no group")
        _expect_intact(scene, moved, snapshot, "a volume moved to no group")
        later = scene.take_snapshot(moved)
        back = scene.move(moved, volume.group_id, "move_volume back")
        _expect_intact(scene, back, snapshot, "a volume moved back")
        _expect_deletable(scene, back, snapshot, later)

    def test_moved_volume_survives_a_restart(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        moved = scene.move(volume, scene.new_group())
        scene.restart("after move_volume")
        _expect_intact(scene, moved, snapshot, "a volume moved, after a restart")

    def test_move_twice(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        for group in (scene.new_group(), None):
            moved = scene.move(volume, group)
            scene.write(moved, "B")
            scene.move(volume, group, "a second move_volume")
            scene.move(moved, group, "move_volume to where the volume is")
            _expect_intact(scene, moved, snapshot, "a volume moved twice")
            volume = moved

    def test_move_keeps_snapshot_exported(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        scene.export(snapshot)
        moved = scene.move(volume, scene.new_group(), "move_volume of a volume with an exported snapshot")
        _expect_intact(scene, moved, snapshot, "a volume moved with an exported snapshot")

    def test_prepared_snapshot_moves_with_its_volume(self, scene: Scenario) -> None:
        volume, _ = _create_member_with_snapshot(scene)
        prepared = SnapshotSpec(str(uuid4()), volume.id, str(uuid4()), volume.group_id)
        scene.prepare(prepared)
        moved = scene.move(volume, scene.new_group(), "move_volume of a volume with a prepared snapshot")
        scene.cut([scene.current_snapshot_spec(prepared)], "cut of a snapshot prepared before move_volume")
        scene.write(moved, "C")
        scene.expect_snapshot(
            scene.current_snapshot_spec(prepared), "B", "a snapshot prepared before move_volume"
        )

    def test_move_leaves_other_members_in_place(self, scene: Scenario) -> None:
        members = scene.new_members(3)
        for volume in members:
            scene.write(volume, "A")
        snapshots = scene.take_cgsnapshot(members)
        scene.move(members[1], scene.new_group())
        for volume, snapshot in list(zip(members, snapshots, strict=True))[::2]:
            scene.expect_volume(volume, "A", "a member whose neighbour was moved")
            scene.expect_snapshot(snapshot, "A", "the snapshot of a member whose neighbour was moved")
            scene.delete_snapshot(snapshot)
        scene.expect_snapshot(
            scene.current_snapshot_spec(snapshots[1]),
            "A",
            "a snapshot moved, when the others of its cut are gone",
        )

    def test_invalid_moves_are_refused(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        unknown, group = str(uuid4()), scene.new_group()
        for what, wanted, to in (
            ("move_volume to an unknown group", volume, str(uuid4())),
            ("move_volume of an unknown volume", VolumeSpec(unknown, 1, volume.group_id), group),
            ("move_volume of an unknown volume to no group", VolumeSpec(unknown, 1, group), None),
            ("move_volume of an unknown volume in no group", VolumeSpec(unknown, 1), group),
            ("move_volume of an unknown volume to where it is", VolumeSpec(unknown, 1, group), group),
        ):
            scene.expect_refusal(what, partial(scene.regrouping_driver.move_volume, wanted, to))
        _expect_intact(scene, volume, snapshot, "a volume whose move was refused")


def _create_member_with_snapshot(scene: Scenario) -> tuple[VolumeSpec, SnapshotSpec]:
    """Return a member that holds B, and a snapshot of it that holds A."""
    scene.regrouping_driver  # noqa: B018 - skips here if the driver cannot move volumes
    (volume,) = scene.new_members(1)
    scene.write(volume, "A")
    (snapshot,) = scene.take_cgsnapshot([volume])
    scene.write(volume, "B")
    return volume, snapshot


def _expect_intact(scene: Scenario, volume: VolumeSpec, snapshot: SnapshotSpec, what: str) -> None:
    scene.expect_volume(volume, "B", what)
    scene.expect_snapshot(scene.current_snapshot_spec(snapshot), "A", f"{what}: a snapshot comes along")
    # A driver may notice late that a reader has disconnected; an unexported snapshot never blocks a move.
    scene.unexport(scene.current_snapshot_spec(snapshot))


def _expect_deletable(scene: Scenario, volume: VolumeSpec, *snapshots: SnapshotSpec) -> None:
    for snapshot in snapshots:
        scene.delete_snapshot(
            scene.current_snapshot_spec(snapshot), "delete_snapshot of a snapshot that was moved"
        )
    scene.delete_volume(volume, "delete_volume of a volume that was moved")
