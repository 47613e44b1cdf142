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

    def test_restore_brings_back_snapshot_content(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        scenario.restore("r", snapshots)
        _expect_content(scenario, members, "A", "a volume that was restored")
        scenario.finish_restore("r", snapshots)
        _expect_content(scenario, members, "A", "a volume whose restore is finished")
        for volume, snapshot in zip(members, snapshots, strict=True):
            scenario.write(volume, "C")
            scenario.expect_snapshot(snapshot, "A", "writes after a restore do not change the snapshot")
            scenario.delete_snapshot(snapshot)
            scenario.expect_volume(volume, "C", "delete_snapshot of the snapshot that was restored to")
            scenario.delete_volume(volume)

    def test_undo_restore_brings_back_previous_content(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        scenario.restore("r", snapshots)
        for volume in members:
            scenario.write(volume, "C")
        scenario.undo_restore("r", snapshots, "undo_restore with clients connected")
        _expect_content(scenario, members, "B", "a volume whose restore is undone")
        for volume, snapshot in zip(members, snapshots, strict=True):
            scenario.write(volume, "D")
            scenario.expect_snapshot(snapshot, "A", "a snapshot after undo_restore")
        scenario.take_cgsnapshot(members)

    def test_restore_of_a_volume_in_no_group(self, scenario: Scenario) -> None:
        scenario.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
        volume = scenario.new_volume()
        scenario.write(volume, "A")
        snapshot = scenario.take_snapshot(volume)
        scenario.write(volume, "B")
        scenario.restore("r", [snapshot])
        scenario.finish_restore("r", [snapshot])
        scenario.expect_volume(volume, "A", "a volume in no group that was restored")

    def test_restore_twice(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        scenario.restore("r", snapshots)
        for volume in members:
            scenario.write(volume, "C")
        scenario.restore("r", snapshots, "a second restore")
        _expect_content(scenario, members, "C", "a second restore leaves the volumes as they are")
        scenario.undo_restore("r", snapshots)
        scenario.undo_restore("r", snapshots, "a second undo_restore")
        _expect_content(scenario, members, "B", "a restore made twice is undone")
        scenario.finish_restore("r", snapshots, "finish_restore after undo_restore")
        _expect_content(
            scenario, members, "B", "finish_restore after undo_restore leaves the volumes as they are"
        )

    def test_finish_restore_twice(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        scenario.restore("r", snapshots)
        scenario.finish_restore("r", snapshots)
        scenario.finish_restore("r", snapshots, "a second finish_restore")
        scenario.undo_restore("r", snapshots, "undo_restore after finish_restore")
        _expect_content(scenario, members, "A", "a restore that is finished")
        scenario.restore("next", snapshots, "a restore after another")
        scenario.finish_restore("next", snapshots)
        _expect_content(scenario, members, "A", "a volume restored again")

    def test_undo_of_unknown_restore(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        scenario.undo_restore("r", snapshots, "undo_restore of a restore that never was")
        scenario.finish_restore("r", snapshots, "finish_restore of a restore that never was")
        nowhere = [SnapshotSpec(str(uuid4()), str(uuid4()), "c", group) for group in (None, str(uuid4()))]
        for snapshot in nowhere:
            scenario.undo_restore("r", [snapshot], "undo_restore of a volume that never was")
            scenario.finish_restore("r", [snapshot], "finish_restore of a volume that never was")
        _expect_content(scenario, members, "B", "undo of a restore that never was")

    def test_restore_is_all_or_nothing(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        scenario.delete_snapshot(snapshots[1])
        for first in (snapshots, snapshots[::-1]):
            restore = partial(scenario.restoring_driver.restore, "r", first)
            scenario.expect_refusal("restore to snapshots of which one is gone", restore)
            _expect_content(scenario, members, "B", "a restore that was refused changes no volume")
        _expect_usable(scenario, members)

    def test_newer_snapshots_outlive_a_restore(self, scenario: Scenario) -> None:
        (volume,), ((first,), (second,), (third,)) = _take_three_cgsnapshots(scenario)
        scenario.restore("r", [first])
        for snapshot, letter in ((first, "A"), (second, "B"), (third, "C")):
            scenario.expect_snapshot(snapshot, letter, "a snapshot during a restore")
        scenario.finish_restore("r", [first])
        scenario.restart("after finish_restore")
        for snapshot, letter in ((first, "A"), (second, "B"), (third, "C")):
            scenario.expect_snapshot(snapshot, letter, "a snapshot after a restore")
            scenario.unexport(snapshot)
        scenario.expect_volume(volume, "A", "a volume restored to its oldest snapshot")
        scenario.write(volume, "D", 0)
        scenario.restore("forth", [second], "restore to a newer snapshot")
        scenario.expect_volume(volume, "B", "a volume restored to a newer snapshot")
        scenario.undo_restore("forth", [second])
        scenario.expect_volume(volume, "D", "a volume after undo_restore", 0)
        scenario.restore("again", [third], "restore to the newest snapshot")
        scenario.finish_restore("again", [third])
        scenario.expect_volume(volume, "C", "a volume restored to its newest snapshot")

    def test_snapshots_can_be_deleted_in_any_order_after_a_restore(self, scenario: Scenario) -> None:
        for order in list(permutations(range(4)))[::5]:
            (volume,), taken = _take_three_cgsnapshots(scenario)
            letters, below = ["A", "B", "C", "E"], ["A", "A", "A", "E"]
            snapshots = [snapshot for (snapshot,) in taken]
            scenario.restore("r", [snapshots[1]])
            scenario.finish_restore("r", [snapshots[1]])
            scenario.write(volume, "E")
            scenario.write(volume, "E", BELOW)
            snapshots += scenario.take_cgsnapshot([volume])
            scenario.write(volume, "F", 0)
            left = set(order)
            for place in order:
                why = f"delete_snapshot after a restore, in order {order}"
                scenario.delete_snapshot(snapshots[place], why)
                left.discard(place)
                for other in left:
                    scenario.expect_snapshot(snapshots[other], letters[other], why)
                    scenario.expect_snapshot(snapshots[other], below[other], why, BELOW)
                    scenario.unexport(snapshots[other])
                scenario.expect_volume(volume, "F", why, 0)
                scenario.expect_volume(volume, "E", why, GIB - 4096)
            scenario.harness.disconnect(volume)
            scenario.delete_volume(volume)
            scenario.delete_group(volume.group_id or "")

    def test_restore_keeps_volume_size(self, scenario: Scenario) -> None:
        (volume, _), snapshots = _create_members_with_snapshots(scenario)
        scenario.extend(volume, 2)
        scenario.write(volume, "B", GIB)
        scenario.restore("r", snapshots)
        scenario.expect_volume(volume, "A", "a volume extended after the snapshot and restored")
        scenario.expect_volume(volume, ZERO, "past the snapshot a restored volume reads as zeros", GIB)
        scenario.undo_restore("r", snapshots)
        scenario.expect_volume(volume, "B", "undo_restore of a volume extended after the snapshot", 0, GIB)

    def test_snapshot_larger_than_its_volume_is_refused(self, scenario: Scenario) -> None:
        scenario.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
        (volume,) = scenario.new_members(1)
        (small,) = scenario.take_cgsnapshot([volume])
        scenario.extend(volume, 2)
        (large,) = scenario.take_cgsnapshot([volume])
        scenario.restore("r", [small])
        scenario.finish_restore("r", [small])
        scenario.delete_snapshot(small)
        scenario.extend(volume, 1, "extend_volume back of a volume that was restored")
        scenario.harness.disconnect(volume)
        scenario.expect_refusal(
            "restore to a larger snapshot", partial(scenario.restoring_driver.restore, "s", [large])
        )
        scenario.extend(volume, 2)
        scenario.restore("s", [large], "restore to a snapshot that fits again")

    def test_unfinished_restore_blocks_other_changes(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        prepared = SnapshotSpec(str(uuid4()), members[0].id, str(uuid4()), members[0].group_id)
        scenario.prepare(prepared)
        scenario.restore("r", snapshots)
        volume, late = members[0], SnapshotSpec(str(uuid4()), members[0].id, "late", members[0].group_id)
        cut = partial(
            scenario.group_snapshot_driver.cut, prepared.cgsnapshot_id, prepared.group_id, [prepared]
        )
        for what, call in (
            ("extend_volume", partial(scenario.driver.extend_volume, volume, 2)),
            ("prepare", partial(scenario.group_snapshot_driver.prepare, late)),
            ("cut", cut),
            ("another restore", partial(scenario.restoring_driver.restore, "s", snapshots)),
            ("a restore of other snapshots", partial(scenario.restoring_driver.restore, "r", snapshots[:1])),
        ):
            scenario.expect_refusal(f"{what} while a restore is unfinished", call)
        scenario.finish_restore("r", snapshots)
        scenario.cut([prepared], "cut of a snapshot prepared before a restore")
        scenario.write(volume, "C")
        scenario.expect_snapshot(prepared, "A", "a snapshot prepared before a restore and cut after it")
        _expect_usable(scenario, members)

    def test_unfinished_restore_survives_a_restart(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        scenario.restore("r", snapshots)
        scenario.restart("in an unfinished restore")
        _expect_content(scenario, members, "A", "a restore survives a restart")
        scenario.undo_restore("r", snapshots)
        _expect_content(scenario, members, "B", "what a restore keeps survives a restart")
        for volume in members:
            scenario.write(volume, "C")

    def test_restored_snapshot_can_be_deleted_before_finish(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        scenario.restore("r", snapshots)
        for snapshot in snapshots:
            scenario.delete_snapshot(snapshot, "delete_snapshot of a snapshot that is restored to")
        _expect_content(scenario, members, "A", "a restored volume whose snapshot is gone")
        scenario.undo_restore("r", snapshots)
        _expect_content(scenario, members, "B", "undo_restore when the snapshots are gone")
        _expect_usable(scenario, members)

    def test_volume_can_be_deleted_before_finish(self, scenario: Scenario) -> None:
        members, snapshots = _create_members_with_snapshots(scenario)
        scenario.restore("r", snapshots)
        scenario.delete_snapshot(snapshots[0])
        scenario.delete_volume(members[0], "delete_volume in an unfinished restore")
        scenario.undo_restore("r", snapshots, "undo_restore when a volume is gone")
        scenario.expect_volume(members[1], "B", "undo_restore when another volume is gone")


def _create_members_with_snapshots(scenario: Scenario) -> tuple[list[VolumeSpec], list[SnapshotSpec]]:
    """Return two members that hold B, and snapshots of them that hold A."""
    scenario.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
    members = scenario.new_members(2)
    for volume in members:
        scenario.write(volume, "A")
    snapshots = scenario.take_cgsnapshot(members)
    for volume in members:
        scenario.write(volume, "B")
    return members, snapshots


def _take_three_cgsnapshots(scenario: Scenario) -> tuple[list[VolumeSpec], list[list[SnapshotSpec]]]:
    """Return a member that holds D, and snapshots of it that hold A, B and C."""
    scenario.restoring_driver  # noqa: B018 - skips here if the driver cannot restore
    members = scenario.new_members(1)
    scenario.write(members[0], "A", BELOW)
    taken = []
    for letter in "ABC":
        scenario.write(members[0], letter)
        taken.append(scenario.take_cgsnapshot(members))
    scenario.write(members[0], "D")
    return members, taken


def _expect_content(scenario: Scenario, members: list[VolumeSpec], letter: str, why: str) -> None:
    for volume in members:
        scenario.expect_volume(volume, letter, why)


def _expect_usable(scenario: Scenario, members: list[VolumeSpec]) -> None:
    """Check that the volumes can be written and cut."""
    for volume in members:
        scenario.write(volume, "Y")
    for volume, snapshot in zip(members, scenario.take_cgsnapshot(members), strict=True):
        scenario.write(volume, "Z")
        scenario.expect_snapshot(snapshot, "Y", "a snapshot taken afterwards")
