"""Rules for clones: a clone has the content of its snapshot and is independent of it."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial
from uuid import uuid4

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import GIB, Scenario
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec

ZERO = "\0"


class CloneRules:
    """Rules for volumes that are cloned from snapshots."""

    def test_clone_has_content_of_snapshot(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        clone = scene.clone(snapshot, volume.group_id)
        scene.expect_volume(clone, "A", "a clone holds what the snapshot holds")
        scene.write(clone, "C")
        scene.expect_snapshot(snapshot, "A", "writes to a clone do not change the snapshot")
        scene.expect_volume(volume, "B", "writes to a clone do not change the source")
        scene.write(volume, "D")
        scene.expect_volume(clone, "C", "writes to the source do not change a clone")

    def test_clone_includes_data_of_older_snapshots(self, scene: Scenario) -> None:
        (volume,) = scene.new_members(1)
        scene.write(volume, "A")
        scene.take_cgsnapshot([volume])
        scene.write(volume, "B", 0)
        (snapshot,) = scene.take_cgsnapshot([volume])
        clone = scene.clone(snapshot, volume.group_id)
        scene.expect_volume(clone, "B", "a clone holds what changed between two snapshots", 0)
        scene.expect_volume(clone, "A", "a clone holds what is in an older snapshot only", GIB - 4096)

    def test_clone_outlives_its_source(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        clone = scene.clone(snapshot, volume.group_id)
        scene.delete_snapshot(snapshot, "delete_snapshot of the source of a clone")
        scene.expect_volume(clone, "A", "a clone outlives the snapshot")
        scene.expect_volume(volume, "B", "the source of a clone outlives the snapshot")
        scene.delete_volume(volume, "delete_volume of the source of a clone")
        scene.expect_volume(clone, "A", "a clone outlives the source")
        scene.restart("after the source of a clone is gone")
        scene.expect_volume(clone, "A", "a clone outlives the source and a restart")

    def test_clone_into_another_group(self, scene: Scenario) -> None:
        _, snapshot = _create_member_with_snapshot(scene)
        (other,) = scene.new_members(1)
        clone = scene.clone(snapshot, other.group_id)
        snapshots = scene.take_cgsnapshot([other, clone])
        scene.write(clone, "C")
        scene.expect_snapshot(snapshots[1], "A", "a clone is cut with its new group")

    def test_clone_into_no_group(self, scene: Scenario) -> None:
        _, snapshot = _create_member_with_snapshot(scene)
        clone = scene.clone(snapshot, None)
        scene.expect_volume(clone, "A", "a clone in no group holds what the snapshot holds")
        scene.delete_volume(clone)

    def test_clone_of_a_plain_snapshot(self, scene: Scenario) -> None:
        volume = scene.new_volume()
        scene.write(volume, "A")
        snapshot = scene.take_snapshot(volume)
        scene.write(volume, "B")
        clone = scene.clone(snapshot, scene.new_group())
        scene.expect_volume(clone, "A", "a clone of a volume in no group holds what the snapshot holds")

    def test_clone_larger_than_the_snapshot(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        clone = scene.clone(snapshot, volume.group_id, 2)
        scene.expect_volume(clone, "A", "a larger clone holds what the snapshot holds")
        scene.expect_volume(clone, ZERO, "a larger clone reads as zeros past the snapshot", GIB)
        found = must_succeed("report", scene.driver.report).provisioned_gib
        expect(found == 3, f"after clone_volume to 2 GiB of 1, provisioned_gib must be 3, not {found}")
        size_bytes = must_succeed("connection", lambda: scene.driver.connection(clone)).data.get("size_bytes")
        expect(
            size_bytes == 2 * GIB,
            f"connection: after clone_volume size_bytes must be {2 * GIB}, not {size_bytes}",
        )

    def test_clone_twice(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        clone = scene.clone(snapshot, volume.group_id)
        scene.write(clone, "C")
        scene.clone_to(clone, snapshot, "a second clone_volume")
        scene.expect_volume(clone, "C", "a second clone_volume leaves the volume as it is")
        scene.delete_snapshot(snapshot)
        scene.clone_to(clone, snapshot, "clone_volume again when the snapshot is gone")
        scene.expect_volume(clone, "C", "clone_volume again leaves the volume as it is")

    def test_clone_is_undone_by_delete_volume(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        clone = scene.clone(snapshot, volume.group_id)
        scene.delete_volume(clone, "delete_volume of a clone")
        scene.clone_to(clone, snapshot, "clone_volume after its undo")
        scene.expect_volume(clone, "A", "a clone made again holds what the snapshot holds")

    def test_clone_of_an_exported_snapshot(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        scene.expect_snapshot(snapshot, "A", "an exported snapshot")
        clone = scene.clone(snapshot, volume.group_id)
        scene.expect_snapshot(snapshot, "A", "a snapshot stays exported while it is cloned")
        scene.expect_volume(clone, "A", "a clone of an exported snapshot")

    def test_invalid_clones_are_refused(self, scene: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scene)
        scene.extend(volume, 2)
        (large,) = scene.take_cgsnapshot([volume])
        new, group = str(uuid4()), volume.group_id
        unknown = SnapshotSpec(str(uuid4()), volume.id, str(uuid4()), group)
        for what, wanted, source in (
            ("clone_volume of an unknown snapshot", VolumeSpec(new, 1, group), unknown),
            ("clone_volume of an unknown snapshot to no group", VolumeSpec(new, 1), unknown),
            ("clone_volume of a larger snapshot", VolumeSpec(new, 1, group), large),
            ("clone_volume of a larger snapshot to no group", VolumeSpec(new, 1), large),
            ("clone_volume to an unknown group", VolumeSpec(new, 1, str(uuid4())), snapshot),
        ):
            scene.expect_refusal(what, partial(scene.cloning_driver.clone_volume, wanted, source))
        prepared = SnapshotSpec(str(uuid4()), volume.id, str(uuid4()), group)
        scene.prepare(prepared)
        clone = partial(scene.cloning_driver.clone_volume, VolumeSpec(new, 2, group), prepared)
        scene.expect_refusal("clone_volume of a snapshot that is not cut", clone)


def _create_member_with_snapshot(scene: Scenario) -> tuple[VolumeSpec, SnapshotSpec]:
    """Return a member that holds B, and a snapshot of it that holds A."""
    scene.cloning_driver  # noqa: B018 - skips here if the driver cannot clone
    (volume,) = scene.new_members(1)
    scene.write(volume, "A")
    (snapshot,) = scene.take_cgsnapshot([volume])
    scene.write(volume, "B")
    return volume, snapshot
