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

    def test_restore_puts_volumes_back(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        scene.restore("r", copies)
        _expect_content(scene, members, "A", "a volume that was restored")
        scene.finish_restore("r", copies)
        _expect_content(scene, members, "A", "a volume whose restore is finished")
        for volume, copy in zip(members, copies, strict=True):
            scene.write(volume, "C")
            scene.expect_copy(copy, "A", "writes after a restore do not change the copy")
            scene.delete_copy(copy)
            scene.expect_volume(volume, "C", "delete_snapshot of the copy that was restored to")
            scene.delete_volume(volume)

    def test_undo_restore_puts_back_what_was_held(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        scene.restore("r", copies)
        for volume in members:
            scene.write(volume, "C")
        scene.undo_restore("r", copies, "undo_restore with clients connected")
        _expect_content(scene, members, "B", "a volume whose restore is undone")
        for volume, copy in zip(members, copies, strict=True):
            scene.write(volume, "D")
            scene.expect_copy(copy, "A", "a copy after undo_restore")
        scene.take(members)

    def test_restore_of_a_volume_in_no_group(self, scene: Scenario) -> None:
        scene.restorer  # noqa: B018 - skips here if the driver cannot restore
        volume = scene.new_volume()
        scene.write(volume, "A")
        copy = scene.take_snapshot(volume)
        scene.write(volume, "B")
        scene.restore("r", [copy])
        scene.finish_restore("r", [copy])
        scene.expect_volume(volume, "A", "a volume in no group that was restored")

    def test_restore_twice(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        scene.restore("r", copies)
        for volume in members:
            scene.write(volume, "C")
        scene.restore("r", copies, "a second restore")
        _expect_content(scene, members, "C", "a second restore leaves the volumes as they are")
        scene.undo_restore("r", copies)
        scene.undo_restore("r", copies, "a second undo_restore")
        _expect_content(scene, members, "B", "a restore made twice is undone")
        scene.finish_restore("r", copies, "finish_restore after undo_restore")
        _expect_content(
            scene, members, "B", "finish_restore after undo_restore leaves the volumes as they are"
        )

    def test_finish_restore_twice(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        scene.restore("r", copies)
        scene.finish_restore("r", copies)
        scene.finish_restore("r", copies, "a second finish_restore")
        scene.undo_restore("r", copies, "undo_restore after finish_restore")
        _expect_content(scene, members, "A", "a restore that is finished")
        scene.restore("next", copies, "a restore after another")
        scene.finish_restore("next", copies)
        _expect_content(scene, members, "A", "a volume restored again")

    def test_undo_of_no_restore(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        scene.undo_restore("r", copies, "undo_restore of a restore that never was")
        scene.finish_restore("r", copies, "finish_restore of a restore that never was")
        nowhere = [SnapshotSpec(str(uuid4()), str(uuid4()), "c", group) for group in (None, str(uuid4()))]
        for copy in nowhere:
            scene.undo_restore("r", [copy], "undo_restore of a volume that never was")
            scene.finish_restore("r", [copy], "finish_restore of a volume that never was")
        _expect_content(scene, members, "B", "undo of a restore that never was")

    def test_restore_is_all_or_nothing(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        scene.delete_copy(copies[1])
        for first in (copies, copies[::-1]):
            restore = partial(scene.restorer.restore, "r", first)
            scene.refuse("restore to copies of which one is gone", restore)
            _expect_content(scene, members, "B", "a restore that was refused changes no volume")
        _expect_usable(scene, members)

    def test_newer_copies_outlive_a_restore(self, scene: Scenario) -> None:
        (volume,), ((first,), (second,), (third,)) = _three_cgsnapshots(scene)
        scene.restore("r", [first])
        for copy, letter in ((first, "A"), (second, "B"), (third, "C")):
            scene.expect_copy(copy, letter, "a copy during a restore")
        scene.finish_restore("r", [first])
        scene.restart("after finish_restore")
        for copy, letter in ((first, "A"), (second, "B"), (third, "C")):
            scene.expect_copy(copy, letter, "a copy after a restore")
            scene.unexport(copy)
        scene.expect_volume(volume, "A", "a volume restored to its oldest copy")
        scene.write(volume, "D", 0)
        scene.restore("forth", [second], "restore to a newer copy")
        scene.expect_volume(volume, "B", "a volume restored to a newer copy")
        scene.undo_restore("forth", [second])
        scene.expect_volume(volume, "D", "a volume after undo_restore", 0)
        scene.restore("again", [third], "restore to the newest copy")
        scene.finish_restore("again", [third])
        scene.expect_volume(volume, "C", "a volume restored to its newest copy")

    def test_copies_go_in_any_order_after_a_restore(self, scene: Scenario) -> None:
        for order in list(permutations(range(4)))[::5]:
            (volume,), taken = _three_cgsnapshots(scene)
            letters, below = ["A", "B", "C", "E"], ["A", "A", "A", "E"]
            copies = [copy for (copy,) in taken]
            scene.restore("r", [copies[1]])
            scene.finish_restore("r", [copies[1]])
            scene.write(volume, "E")
            scene.write(volume, "E", BELOW)
            copies += scene.take([volume])
            scene.write(volume, "F", 0)
            left = set(order)
            for place in order:
                why = f"delete_snapshot after a restore, in order {order}"
                scene.delete_copy(copies[place], why)
                left.discard(place)
                for other in left:
                    scene.expect_copy(copies[other], letters[other], why)
                    scene.expect_copy(copies[other], below[other], why, BELOW)
                    scene.unexport(copies[other])
                scene.expect_volume(volume, "F", why, 0)
                scene.expect_volume(volume, "E", why, GIB - 4096)
            scene.harness.disconnect(volume)
            scene.delete_volume(volume)
            scene.delete_group(volume.group_id or "")

    def test_volume_keeps_its_size_over_a_restore(self, scene: Scenario) -> None:
        (volume, _), copies = _copied(scene)
        scene.extend(volume, 2)
        scene.write(volume, "B", GIB)
        scene.restore("r", copies)
        scene.expect_volume(volume, "A", "a volume extended after the copy and restored")
        scene.expect_volume(volume, ZERO, "past the copy a restored volume reads as zeros", GIB)
        scene.undo_restore("r", copies)
        scene.expect_volume(volume, "B", "undo_restore of a volume extended after the copy", 0, GIB)

    def test_copy_larger_than_its_volume_is_refused(self, scene: Scenario) -> None:
        scene.restorer  # noqa: B018 - skips here if the driver cannot restore
        (volume,) = scene.new_members(1)
        (small,) = scene.take([volume])
        scene.extend(volume, 2)
        (large,) = scene.take([volume])
        scene.restore("r", [small])
        scene.finish_restore("r", [small])
        scene.delete_copy(small)
        scene.extend(volume, 1, "extend_volume back of a volume that was restored")
        scene.harness.disconnect(volume)
        scene.refuse("restore to a larger copy", partial(scene.restorer.restore, "s", [large]))
        scene.extend(volume, 2)
        scene.restore("s", [large], "restore to a copy that fits again")

    def test_unfinished_restore_holds_the_volume(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        prepared = SnapshotSpec(str(uuid4()), members[0].id, str(uuid4()), members[0].group_id)
        scene.prepare(prepared)
        scene.restore("r", copies)
        volume, late = members[0], SnapshotSpec(str(uuid4()), members[0].id, "late", members[0].group_id)
        cut = partial(scene.cutter.cut, prepared.cgsnapshot_id, prepared.group_id, [prepared])
        for what, call in (
            ("extend_volume", partial(scene.driver.extend_volume, volume, 2)),
            ("prepare", partial(scene.cutter.prepare, late)),
            ("cut", cut),
            ("another restore", partial(scene.restorer.restore, "s", copies)),
            ("a restore of other copies", partial(scene.restorer.restore, "r", copies[:1])),
        ):
            scene.refuse(f"{what} while a restore is unfinished", call)
        scene.finish_restore("r", copies)
        scene.cut([prepared], "cut of a copy prepared before a restore")
        scene.write(volume, "C")
        scene.expect_copy(prepared, "A", "a copy prepared before a restore and cut after it")
        _expect_usable(scene, members)

    def test_unfinished_restore_survives_a_restart(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        scene.restore("r", copies)
        scene.restart("in an unfinished restore")
        _expect_content(scene, members, "A", "a restore survives a restart")
        scene.undo_restore("r", copies)
        _expect_content(scene, members, "B", "what a restore keeps survives a restart")
        for volume in members:
            scene.write(volume, "C")

    def test_restored_copy_may_go_before_the_end(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        scene.restore("r", copies)
        for copy in copies:
            scene.delete_copy(copy, "delete_snapshot of a copy that is restored to")
        _expect_content(scene, members, "A", "a restored volume whose copy is gone")
        scene.undo_restore("r", copies)
        _expect_content(scene, members, "B", "undo_restore when the copies are gone")
        _expect_usable(scene, members)

    def test_volume_may_go_before_the_end_of_a_restore(self, scene: Scenario) -> None:
        members, copies = _copied(scene)
        scene.restore("r", copies)
        scene.delete_copy(copies[0])
        scene.delete_volume(members[0], "delete_volume in an unfinished restore")
        scene.undo_restore("r", copies, "undo_restore when a volume is gone")
        scene.expect_volume(members[1], "B", "undo_restore when another volume is gone")


def _copied(scene: Scenario) -> tuple[list[VolumeSpec], list[SnapshotSpec]]:
    """Return two members that hold B, and snapshots of them that hold A."""
    scene.restorer  # noqa: B018 - skips here if the driver cannot restore
    members = scene.new_members(2)
    for volume in members:
        scene.write(volume, "A")
    copies = scene.take(members)
    for volume in members:
        scene.write(volume, "B")
    return members, copies


def _three_cgsnapshots(scene: Scenario) -> tuple[list[VolumeSpec], list[list[SnapshotSpec]]]:
    """Return a member that holds D, and snapshots of it that hold A, B and C."""
    scene.restorer  # noqa: B018 - skips here if the driver cannot restore
    members = scene.new_members(1)
    scene.write(members[0], "A", BELOW)
    taken = []
    for letter in "ABC":
        scene.write(members[0], letter)
        taken.append(scene.take(members))
    scene.write(members[0], "D")
    return members, taken


def _expect_content(scene: Scenario, members: list[VolumeSpec], letter: str, why: str) -> None:
    for volume in members:
        scene.expect_volume(volume, letter, why)


def _expect_usable(scene: Scenario, members: list[VolumeSpec]) -> None:
    """Check that the volumes can be written and cut."""
    for volume in members:
        scene.write(volume, "Y")
    for volume, copy in zip(members, scene.take(members), strict=True):
        scene.write(volume, "Z")
        scene.expect_copy(copy, "Y", "a copy taken afterwards")
