"""The inventory of the pool: a comparison of the records with the existing images and groups.

Other calls run meanwhile. A mismatch is therefore a problem only if the records are the same after the images
were examined, and show no operation in progress.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cgflow.drivers.contract import (
    DetailedInventory,
    Inventory,
    SnapshotDetails,
    SupportsDetailedInventory,
    VolumeDetails,
)
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.base import RbdBase, describe_data_loss
from cgflow.drivers.rbd.records import (
    CutRecord,
    GroupRecord,
    RestoreRecord,
    SnapshotRecord,
    VolumeRecord,
    is_snapshot_of,
)

Stats = Mapping[str, Any]
"""Facts about images by name; None for an image that does not exist."""


@dataclass(frozen=True)
class _RecordedState:
    """The records of one group, or all records."""

    groups: dict[str, GroupRecord]
    volumes: dict[str, VolumeRecord]
    snapshots: dict[str, SnapshotRecord]
    restores: dict[str, RestoreRecord]
    cuts: dict[str, CutRecord]


def _snapshot_details(
    key: str, snapshot: SnapshotRecord, records: _RecordedState
) -> tuple[str, SnapshotDetails]:
    volume_id, id_ = key.split("/")
    cut = records.cuts.get(snapshot.cgsnapshot)
    members = None if cut is None else len(cut.copies)
    return id_, SnapshotDetails(volume_id, records.volumes[volume_id].group, snapshot.cgsnapshot, members)


class RbdInventory(RbdBase, SupportsDetailedInventory):
    """The calls ``inventory`` and ``detail``."""

    def inventory(self, group_id: str | None = None) -> Inventory:
        """See the contract. Every volume's image is opened, so the cost grows with the number of volumes."""
        return self._compare_records_with_pool(group_id)[0]

    def detail(self) -> DetailedInventory:
        """See the contract. Sizes are those of the images; a missing image has the size of its record."""
        inventory, records, stats = self._compare_records_with_pool(None)
        sizes = {
            id: (stats[names.image(id)] or {"size": volume.size_gib * names.GIB})["size"]
            for id, volume in records.volumes.items()
        }
        return DetailedInventory(
            inventory,
            {id: VolumeDetails(sizes[id], records.volumes[id].group) for id in inventory.volumes},
            dict(_snapshot_details(key, snapshot, records) for key, snapshot in records.snapshots.items()),
        )

    def _compare_records_with_pool(self, group_id: str | None) -> tuple[Inventory, _RecordedState, Stats]:
        records = self._read_records(group_id)
        stats = self._image_stats(names.image(id) for id in records.volumes)
        mismatches = dict(self._find_mismatches(group_id, records, stats))
        if mismatches:
            # Probably a concurrent operation: compare again.
            before, records = records, self._read_records(group_id)
            stats = self._image_stats(names.image(id) for id in records.volumes)
            mismatches = dict(self._find_mismatches(group_id, records, stats)) if records == before else {}
        lost = {id for id, message in mismatches.items() if message.startswith(_LOST)}
        inventory = Inventory(
            groups=frozenset(records.groups) - lost,
            volumes=frozenset(records.volumes) - lost,
            snapshots=frozenset(key.split("/")[1] for key in records.snapshots),
            exports=frozenset(
                key.split("/")[1] for key, snapshot in records.snapshots.items() if snapshot.exported
            ),
            restores=frozenset(records.restores),
            problems=tuple(mismatches[id] for id in sorted(mismatches)),
        )
        return inventory, records, stats

    def _read_records(self, group_id: str | None) -> _RecordedState:
        everything = self._records.read_all()
        groups = everything.all(GroupRecord, GroupRecord.key(""))
        volumes = everything.all(VolumeRecord, VolumeRecord.key(""))
        snapshots = everything.all(SnapshotRecord, "copy/")
        restores = everything.all(RestoreRecord, RestoreRecord.key(""))
        cuts = everything.all(CutRecord, CutRecord.key(""))
        if group_id is not None:
            volumes = {id: volume for id, volume in volumes.items() if volume.group == group_id}
            snapshots = {key: one for key, one in snapshots.items() if key.split("/")[0] in volumes}
            restores = {id: restore for id, restore in restores.items() if restore.group == group_id}
        existing = {id: group for id, group in groups.items() if not group.is_gone and group_id in (None, id)}
        return _RecordedState(existing, volumes, snapshots, restores, cuts)

    def _find_mismatches(
        self, group_id: str | None, records: _RecordedState, stats: Stats
    ) -> Iterator[tuple[str, str]]:
        """Yield the id and the description of each mismatch."""
        for id, volume in records.volumes.items():
            if volume.doing is None:
                message = _find_image_mismatch(id, volume, stats[names.image(id)], records)
                if message is not None:
                    yield id, message
        existing = set(self._session.call("group_names"))
        for id in records.groups:
            if names.group(id) not in existing:
                yield id, f"{_LOST} group {id}: another client removed its group of images"
        if group_id is None:
            yield from self._find_unrecorded_objects(records)

    def _find_unrecorded_objects(self, records: _RecordedState) -> Iterator[tuple[str, str]]:
        recorded = {names.image(id) for id in records.volumes}
        for image in self._session.call("image_names"):
            if image.startswith(names.IMAGE_PREFIX) and image not in recorded:
                yield image, f"image {image} is named like a volume, but has no record"
        for id, cut in records.cuts.items():
            if not any(key.removeprefix("copy/") in records.snapshots for key in cut.copies):
                yield id, f"group snapshot {names.group_snapshot(id)} is left of snapshots that were deleted"


_LOST = "lost:"


def _find_image_mismatch(id: str, volume: VolumeRecord, stat: Any, records: _RecordedState) -> str | None:
    image = names.image(id)
    if stat is None:
        return f"{_LOST} volume {id}: another client removed or renamed image {image}"
    if not stat["has_lock"]:
        return f"image {image} lacks the feature exclusive-lock, so it cannot be cut: enable it"
    lost = describe_data_loss(id, volume, stat)
    if lost is not None:
        return lost
    if stat["size"] != volume.size_gib * names.GIB:
        return f"image {image} has {stat['size']} bytes, not {volume.size_gib} GiB: another client resized it"
    expected = None if volume.group is None else names.group(volume.group)
    if stat["group"] != expected:
        return f"image {image} is in group {stat['group']} instead of {expected}: another client moved it"
    for key, snapshot in records.snapshots.items():
        volume_id, snapshot_id = key.split("/")
        is_cut = volume_id == id and snapshot.evidence is not None
        if is_cut and not any(is_snapshot_of(snap, snapshot_id, snapshot) for snap in stat["snaps"]):
            return f"snapshot {snapshot_id} is missing from image {image}: another client removed it"
    return None
