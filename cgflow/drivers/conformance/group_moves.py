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

    def test_move_to_another_group(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        (other,) = scenario.new_members(1)
        moved = scenario.move(volume, other.group_id)
        _expect_intact(scenario, moved, snapshot, "a volume moved to another group")
        scenario.write(moved, "C")
        snapshots = scenario.take_cgsnapshot([other, moved])
        scenario.write(moved, "D")
        scenario.expect_snapshot(snapshots[1], "C", "a volume that was moved is cut with its new group")
        _expect_deletable(scenario, moved, snapshot, snapshots[1])
        scenario.delete_group(volume.group_id or "", "delete_group of a group whose volume was moved")

    def test_move_out_of_a_group_and_back(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        moved = scenario.move(volume, None, "move_volume to no group")
        _expect_intact(scenario, moved, snapshot, "a volume moved to no group")
        later = scenario.take_snapshot(moved)
        back = scenario.move(moved, volume.group_id, "move_volume back")
        _expect_intact(scenario, back, snapshot, "a volume moved back")
        _expect_deletable(scenario, back, snapshot, later)

    def test_moved_volume_survives_a_restart(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        moved = scenario.move(volume, scenario.new_group())
        scenario.restart("after move_volume")
        _expect_intact(scenario, moved, snapshot, "a volume moved, after a restart")

    def test_move_twice(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        for group in (scenario.new_group(), None):
            moved = scenario.move(volume, group)
            scenario.write(moved, "B")
            scenario.move(volume, group, "a second move_volume")
            scenario.move(moved, group, "move_volume to where the volume is")
            _expect_intact(scenario, moved, snapshot, "a volume moved twice")
            volume = moved

    def test_move_keeps_snapshot_exported(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        scenario.export(snapshot)
        moved = scenario.move(
            volume, scenario.new_group(), "move_volume of a volume with an exported snapshot"
        )
        _expect_intact(scenario, moved, snapshot, "a volume moved with an exported snapshot")

    def test_prepared_snapshot_moves_with_its_volume(self, scenario: Scenario) -> None:
        volume, _ = _create_member_with_snapshot(scenario)
        prepared = SnapshotSpec(str(uuid4()), volume.id, str(uuid4()), volume.group_id)
        scenario.prepare(prepared)
        moved = scenario.move(
            volume, scenario.new_group(), "move_volume of a volume with a prepared snapshot"
        )
        scenario.cut([scenario.up_to_date_spec(prepared)], "cut of a snapshot prepared before move_volume")
        scenario.write(moved, "C")
        scenario.expect_snapshot(
            scenario.up_to_date_spec(prepared), "B", "a snapshot prepared before move_volume"
        )

    def test_move_leaves_other_members_in_place(self, scenario: Scenario) -> None:
        members = scenario.new_members(3)
        for volume in members:
            scenario.write(volume, "A")
        snapshots = scenario.take_cgsnapshot(members)
        scenario.move(members[1], scenario.new_group())
        for volume, snapshot in list(zip(members, snapshots, strict=True))[::2]:
            scenario.expect_volume(volume, "A", "a member whose neighbour was moved")
            scenario.expect_snapshot(snapshot, "A", "the snapshot of a member whose neighbour was moved")
            scenario.delete_snapshot(snapshot)
        scenario.expect_snapshot(
            scenario.up_to_date_spec(snapshots[1]),
            "A",
            "a snapshot moved, when the others of its cut are gone",
        )

    def test_invalid_moves_are_refused(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        unknown, group = str(uuid4()), scenario.new_group()
        for what, wanted, to in (
            ("move_volume to an unknown group", volume, str(uuid4())),
            ("move_volume of an unknown volume", VolumeSpec(unknown, 1, volume.group_id), group),
            ("move_volume of an unknown volume to no group", VolumeSpec(unknown, 1, group), None),
            ("move_volume of an unknown volume in no group", VolumeSpec(unknown, 1), group),
            ("move_volume of an unknown volume to where it is", VolumeSpec(unknown, 1, group), group),
        ):
            scenario.expect_refusal(what, partial(scenario.regrouping_driver.move_volume, wanted, to))
        _expect_intact(scenario, volume, snapshot, "a volume whose move was refused")


def _create_member_with_snapshot(scenario: Scenario) -> tuple[VolumeSpec, SnapshotSpec]:
    """Return a member that holds B, and a snapshot of it that holds A."""
    scenario.regrouping_driver  # noqa: B018 - skips here if the driver cannot move volumes
    (volume,) = scenario.new_members(1)
    scenario.write(volume, "A")
    (snapshot,) = scenario.take_cgsnapshot([volume])
    scenario.write(volume, "B")
    return volume, snapshot


def _expect_intact(scenario: Scenario, volume: VolumeSpec, snapshot: SnapshotSpec, what: str) -> None:
    scenario.expect_volume(volume, "B", what)
    scenario.expect_snapshot(scenario.up_to_date_spec(snapshot), "A", f"{what}: a snapshot comes along")
    # A driver may notice late that a reader has disconnected; an unexported snapshot never blocks a move.
    scenario.unexport(scenario.up_to_date_spec(snapshot))


def _expect_deletable(scenario: Scenario, volume: VolumeSpec, *snapshots: SnapshotSpec) -> None:
    for snapshot in snapshots:
        scenario.delete_snapshot(
            scenario.up_to_date_spec(snapshot), "delete_snapshot of a snapshot that was moved"
        )
    scenario.delete_volume(volume, "delete_volume of a volume that was moved")
