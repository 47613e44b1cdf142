"""Rules for the detailed inventory: the size, group and volume of each object, as an audit needs them."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import GIB, Scenario
from cgflow.drivers.contract import DetailedInventory, SnapshotDetails, VolumeDetails


class DetailedInventoryRules:
    """Rules for the details of each object."""

    def test_detail_lists_each_object(self, scenario: Scenario) -> None:
        detailer = scenario.detailed_inventory_driver
        lone, (one, other) = scenario.new_volume(), scenario.new_members(2)
        snapshots = [*scenario.take_cgsnapshot([one, other]), scenario.take_snapshot(lone)]
        scenario.extend(lone, 2, "extend_volume")
        _expect_details(
            must_succeed("detail", detailer.detail), scenario, {lone.id: 2}, "after cuts and an extend"
        )
        scenario.export(snapshots[0])
        scenario.delete_snapshot(snapshots[1])
        scenario.delete_volume(other)
        _expect_details(
            must_succeed("a second detail", detailer.detail), scenario, {lone.id: 2}, "after deletes"
        )

    def test_detail_has_the_new_group_of_a_moved_volume(self, scenario: Scenario) -> None:
        detailer = scenario.detailed_inventory_driver
        (volume,) = scenario.new_members(1)
        scenario.take_cgsnapshot([volume])
        for group in (scenario.new_group(), None):
            volume = scenario.move(volume, group)
            _expect_details(must_succeed("detail", detailer.detail), scenario, {}, f"after a move to {group}")


def _expect_details(
    found: DetailedInventory, scenario: Scenario, sizes_gib: dict[str, int], when: str
) -> None:
    """Compare all details with what is expected; ``sizes_gib`` has the volumes that were extended."""
    expected = scenario.expected_inventory()
    expect(found.inventory == expected, f"{when}, detail must hold the inventory; it holds {found.inventory}")
    volumes = {
        spec.id: VolumeDetails(sizes_gib.get(spec.id, spec.size_gib) * GIB, spec.group_id)
        for spec in scenario.volumes
    }
    expect(
        dict(found.volumes) == volumes,
        f"{when}, detail must report size and group of each volume: {volumes}; it has {dict(found.volumes)}",
    )
    snapshots = {spec.id: SnapshotDetails(spec.volume_id, spec.group_id) for spec in scenario.snapshots}
    expect(
        dict(found.snapshots) == snapshots,
        f"{when}, detail must report volume and group of each snapshot: {snapshots}; "
        f"it has {dict(found.snapshots)}",
    )
    cuts = {spec.id: spec.cgsnapshot_id for spec in scenario.snapshots}
    reported = {id: details.cgsnapshot_id for id, details in found.snapshots.items() if details.cgsnapshot_id}
    expect(
        reported.items() <= cuts.items(),
        f"{when}, detail must report the right cgsnapshot of a snapshot, or none: {cuts}; it has {reported}",
    )
