"""Rules for compaction: it becomes due, it completes, and it changes nothing but the speed."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from functools import partial
from uuid import uuid4

from cgflow.drivers.conformance.assertions import Violation, expect, must_succeed
from cgflow.drivers.conformance.scenario import WRITE_OFFSETS, Scenario
from cgflow.drivers.contract import SnapshotSpec, VolumeSpec

ENOUGH = 40
"""A volume must be reported as due for compaction after about this many snapshots, at the latest."""

COMPACTION_S = 60.0


class CompactionRules:
    """Rules for volumes that have many snapshots."""

    def test_compaction_keeps_content_and_address(self, scenario: Scenario) -> None:
        volume, snapshots = _create_volume_due_for_compaction(scenario)
        before = must_succeed("connection", lambda: scenario.driver.connection(volume))
        _compact_volume(scenario, volume)
        now = must_succeed("connection", lambda: scenario.driver.connection(volume))
        expect(before == now, f"compact_volume must leave the address as it is: {before} became {now}")
        scenario.expect_volume(volume, "Z", "compact_volume leaves the volume as it is")
        for snapshot, letter in ((snapshots[0], "A"), (snapshots[1], "B"), (snapshots[-1], "Z")):
            scenario.expect_snapshot(snapshot, letter, "compact_volume leaves the snapshots as they are")

    def test_completed_compaction_leaves_nothing_due(self, scenario: Scenario) -> None:
        volume, _ = _create_volume_due_for_compaction(scenario)
        (other,) = scenario.new_members(1)
        _compact_volume(scenario, volume)
        for group in (None, volume.group_id, other.group_id):
            due = must_succeed("compactions_due", partial(scenario.compaction_driver.compactions_due, group))
            expect(not due, f"after compact_volume compactions_due must name nothing, not {due}")
        done = must_succeed(
            "a second compact_volume", lambda: scenario.compaction_driver.compact_volume(volume, 0)
        )
        expect(done is True, f"a second compact_volume has nothing to do: it must return True, not {done!r}")

    def test_compaction_of_unknown_volume_succeeds(self, scenario: Scenario) -> None:
        group = scenario.new_group()
        for place in (group, None, str(uuid4())):
            gone = VolumeSpec(str(uuid4()), 1, place)
            done = must_succeed(
                "compact_volume of no volume", partial(scenario.compaction_driver.compact_volume, gone, 0)
            )
            expect(done is True, f"compact_volume of no volume must return True, not {done!r}")
            scenario.check_inventory("compact_volume of no volume")

    def test_compacted_volume_can_be_cut_restored_and_deleted(self, scenario: Scenario) -> None:
        volume, snapshots = _create_volume_due_for_compaction(scenario)
        _compact_volume(scenario, volume)
        scenario.write(volume, "Y")
        (newest,) = scenario.take_cgsnapshot([volume])
        for snapshot in snapshots[2:]:
            scenario.delete_snapshot(snapshot, "delete_snapshot after compact_volume")
        scenario.expect_snapshot(newest, "Y", "a snapshot taken after compact_volume")
        scenario.expect_snapshot(snapshots[1], "B", "a snapshot older than compact_volume")
        scenario.unexport(snapshots[1])
        restore = str(uuid4())
        scenario.restore(restore, [snapshots[0]])
        scenario.finish_restore(restore, [snapshots[0]])
        scenario.expect_volume(volume, "A", "a volume put back to a snapshot older than compact_volume")
        for snapshot in (*snapshots[:2], newest):
            scenario.delete_snapshot(snapshot)
        scenario.expect_volume(volume, "A", "the volume when all its snapshots are gone")
        scenario.delete_volume(volume)


def _create_volume_due_for_compaction(scenario: Scenario) -> tuple[VolumeSpec, list[SnapshotSpec]]:
    """Return a member that is due for compaction and holds Z, and its snapshots: of A, of B, then of Z."""
    (volume,) = scenario.new_members(1)
    snapshots: list[SnapshotSpec] = []
    for letter in ("A", "B", *"Z" * ENOUGH):
        if letter != "Z" or len(snapshots) == 2:
            scenario.write(volume, letter, *WRITE_OFFSETS)
        snapshots += scenario.take_cgsnapshot([volume])
        if _is_compaction_due(scenario, volume):
            return volume, snapshots
    raise Violation(
        f"compactions_due must name a volume at some time: after {len(snapshots)} snapshots it does not"
    )


def _is_compaction_due(scenario: Scenario, volume: VolumeSpec) -> bool:
    wholly = must_succeed("compactions_due", scenario.compaction_driver.compactions_due)
    within = must_succeed(
        "compactions_due", partial(scenario.compaction_driver.compactions_due, volume.group_id)
    )
    expect(wholly == within, f"compactions_due of the only group must be that of all: {within}, not {wholly}")
    expect(wholly in ([], [volume]), f"compactions_due must name volumes as they are: {volume}, not {wholly}")
    return bool(wholly)


def _compact_volume(scenario: Scenario, volume: VolumeSpec) -> None:
    done = must_succeed(
        "compact_volume", lambda: scenario.compaction_driver.compact_volume(volume, COMPACTION_S)
    )
    expect(done is True, f"compact_volume of little data must be done in {COMPACTION_S:.0f} s, not {done!r}")
    scenario.check_inventory("compact_volume")
