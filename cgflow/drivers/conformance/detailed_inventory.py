"""Rules for the detailed inventory: the size, group and volume of each object, as an audit needs them."""

# ruff: noqa: D102
# The name of a test states its rule.

from __future__ import annotations

from cgflow.drivers.conformance.assertions import expect, must_succeed
from cgflow.drivers.conformance.scenario import Scenario
from cgflow.drivers.contract import DetailedInventory, SnapshotDetails, VolumeDetails

_GIB = 1024**3


class DetailedInventoryRules:
    """Rules for the details of each object."""

    def test_detail_tells_of_each_object(self, scene: Scenario) -> None:
        detailer = scene.detailer
        lone, (one, other) = scene.new_volume(), scene.new_members(2)
        copies = [*scene.take([one, other]), scene.take_snapshot(lone)]
        scene.extend(lone, 2, "extend_volume")
        _compare(must_succeed("detail", detailer.detail), scene, {lone.id: 2}, "after cuts and an extend")
        scene.export(copies[0])
        scene.delete_copy(copies[1])
        scene.delete_volume(other)
        _compare(must_succeed("a second detail", detailer.detail), scene, {lone.id: 2}, "after deletes")

    def test_detail_tells_where_a_moved_volume_is(self, scene: Scenario) -> None:
        detailer = scene.detailer
        (volume,) = scene.new_members(1)
        scene.take([volume])
        for group in (scene.new_group(), None):
            volume = scene.move(volume, group)
            _compare(must_succeed("detail", detailer.detail), scene, {}, f"after a move to {group}")


def _compare(told: DetailedInventory, scene: Scenario, sizes: dict[str, int], when: str) -> None:
    wanted = scene.expected()
    expect(told.inventory == wanted, f"{when}, detail must hold the inventory; it holds {told.inventory}")
    volumes = {
        spec.id: VolumeDetails(sizes.get(spec.id, spec.size_gib) * _GIB, spec.group_id)
        for spec in scene.volumes
    }
    expect(
        dict(told.volumes) == volumes,
        f"{when}, detail must tell size and group of every volume: {volumes}; it tells {dict(told.volumes)}",
    )
    copies = {spec.id: SnapshotDetails(spec.volume_id, spec.group_id) for spec in scene.copies}
    expect(
        dict(told.copies) == copies,
        f"{when}, detail must tell volume and group of every copy: {copies}; it tells {dict(told.copies)}",
    )
    cuts = {spec.id: spec.cgsnapshot_id for spec in scene.copies}
    known = {id: copy.cgsnapshot_id for id, copy in told.copies.items() if copy.cgsnapshot_id is not None}
    expect(
        known.items() <= cuts.items(),
        f"{when}, detail must tell of the copies' cuts what is so, if it tells it: {cuts}; it tells {known}",
    )
