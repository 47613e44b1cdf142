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

    def test_clone_has_content_of_snapshot(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        clone = scenario.clone(snapshot, volume.group_id)
        scenario.expect_volume(clone, "A", "a clone holds what the snapshot holds")
        scenario.write(clone, "C")
        scenario.expect_snapshot(snapshot, "A", "writes to a clone do not change the snapshot")
        scenario.expect_volume(volume, "B", "writes to a clone do not change the source")
        scenario.write(volume, "D")
        scenario.expect_volume(clone, "C", "writes to the source do not change a clone")

    def test_clone_includes_data_of_older_snapshots(self, scenario: Scenario) -> None:
        (volume,) = scenario.new_members(1)
        scenario.write(volume, "A")
        scenario.take_cgsnapshot([volume])
        scenario.write(volume, "B", 0)
        (snapshot,) = scenario.take_cgsnapshot([volume])
        clone = scenario.clone(snapshot, volume.group_id)
        scenario.expect_volume(clone, "B", "a clone holds what changed between two snapshots", 0)
        scenario.expect_volume(clone, "A", "a clone holds what is in an older snapshot only", GIB - 4096)

    def test_clone_outlives_its_source(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        clone = scenario.clone(snapshot, volume.group_id)
        scenario.delete_snapshot(snapshot, "delete_snapshot of the source of a clone")
        scenario.expect_volume(clone, "A", "a clone outlives the snapshot")
        scenario.expect_volume(volume, "B", "the source of a clone outlives the snapshot")
        scenario.delete_volume(volume, "delete_volume of the source of a clone")
        scenario.expect_volume(clone, "A", "a clone outlives the source")
        scenario.restart("after the source of a clone is gone")
        scenario.expect_volume(clone, "A", "a clone outlives the source and a restart")

    def test_clone_into_another_group(self, scenario: Scenario) -> None:
        _, snapshot = _create_member_with_snapshot(scenario)
        (other,) = scenario.new_members(1)
        clone = scenario.clone(snapshot, other.group_id)
        snapshots = scenario.take_cgsnapshot([other, clone])
        scenario.write(clone, "C")
        scenario.expect_snapshot(snapshots[1], "A", "a clone is cut with its new group")

    def test_clone_into_no_group(self, scenario: Scenario) -> None:
        _, snapshot = _create_member_with_snapshot(scenario)
        clone = scenario.clone(snapshot, None)
        scenario.expect_volume(clone, "A", "a clone in no group holds what the snapshot holds")
        scenario.delete_volume(clone)

    def test_clone_of_a_plain_snapshot(self, scenario: Scenario) -> None:
        volume = scenario.new_volume()
        scenario.write(volume, "A")
        snapshot = scenario.take_snapshot(volume)
        scenario.write(volume, "B")
        clone = scenario.clone(snapshot, scenario.new_group())
        scenario.expect_volume(clone, "A", "a clone of a volume in no group holds what the snapshot holds")

    def test_clone_larger_than_the_snapshot(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        clone = scenario.clone(snapshot, volume.group_id, 2)
        scenario.expect_volume(clone, "A", "a larger clone holds what the snapshot holds")
        scenario.expect_volume(clone, ZERO, "a larger clone reads as zeros past the snapshot", GIB)
        found = must_succeed("report", scenario.driver.report).provisioned_gib
        expect(found == 3, f"after clone_volume to 2 GiB of 1, provisioned_gib must be 3, not {found}")
        size_bytes = must_succeed("connection", lambda: scenario.driver.connection(clone)).data.get(
            "size_bytes"
        )
        expect(
            size_bytes == 2 * GIB,
            f"connection: after clone_volume size_bytes must be {2 * GIB}, not {size_bytes}",
        )

    def test_clone_twice(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        clone = scenario.clone(snapshot, volume.group_id)
        scenario.write(clone, "C")
        scenario.clone_to(clone, snapshot, "a second clone_volume")
        scenario.expect_volume(clone, "C", "a second clone_volume leaves the volume as it is")
        scenario.delete_snapshot(snapshot)
        scenario.clone_to(clone, snapshot, "clone_volume again when the snapshot is gone")
        scenario.expect_volume(clone, "C", "clone_volume again leaves the volume as it is")

    def test_clone_is_undone_by_delete_volume(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        clone = scenario.clone(snapshot, volume.group_id)
        scenario.delete_volume(clone, "delete_volume of a clone")
        scenario.clone_to(clone, snapshot, "clone_volume after its undo")
        scenario.expect_volume(clone, "A", "a clone made again holds what the snapshot holds")

    def test_clone_of_an_exported_snapshot(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        scenario.expect_snapshot(snapshot, "A", "an exported snapshot")
        clone = scenario.clone(snapshot, volume.group_id)
        scenario.expect_snapshot(snapshot, "A", "a snapshot stays exported while it is cloned")
        scenario.expect_volume(clone, "A", "a clone of an exported snapshot")

    def test_invalid_clones_are_refused(self, scenario: Scenario) -> None:
        volume, snapshot = _create_member_with_snapshot(scenario)
        scenario.extend(volume, 2)
        (large,) = scenario.take_cgsnapshot([volume])
        new, group = str(uuid4()), volume.group_id
        unknown = SnapshotSpec(str(uuid4()), volume.id, str(uuid4()), group)
        for what, wanted, source in (
            ("clone_volume of an unknown snapshot", VolumeSpec(new, 1, group), unknown),
            ("clone_volume of an unknown snapshot to no group", VolumeSpec(new, 1), unknown),
            ("clone_volume of a larger snapshot", VolumeSpec(new, 1, group), large),
            ("clone_volume of a larger snapshot to no group", VolumeSpec(new, 1), large),
            ("clone_volume to an unknown group", VolumeSpec(new, 1, str(uuid4())), snapshot),
        ):
            scenario.expect_refusal(what, partial(scenario.cloning_driver.clone_volume, wanted, source))
        prepared = SnapshotSpec(str(uuid4()), volume.id, str(uuid4()), group)
        scenario.prepare(prepared)
        clone = partial(scenario.cloning_driver.clone_volume, VolumeSpec(new, 2, group), prepared)
        scenario.expect_refusal("clone_volume of a snapshot that is not cut", clone)


def _create_member_with_snapshot(scenario: Scenario) -> tuple[VolumeSpec, SnapshotSpec]:
    """Return a member that holds B, and a snapshot of it that holds A."""
    scenario.cloning_driver  # noqa: B018 - skips here if the driver cannot clone
    (volume,) = scenario.new_members(1)
    scenario.write(volume, "A")
    (snapshot,) = scenario.take_cgsnapshot([volume])
    scenario.write(volume, "B")
    return volume, snapshot
