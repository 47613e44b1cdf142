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
    CopyRecord,
    CutRecord,
    GroupRecord,
    RestoreRecord,
    VolumeRecord,
    is_copy,
)

Stats = Mapping[str, Any]
"""Facts about images by name; None for an image that does not exist."""


@dataclass(frozen=True)
class _Written:
    """The records of one group, or all records."""

    groups: dict[str, GroupRecord]
    volumes: dict[str, VolumeRecord]
    copies: dict[str, CopyRecord]
    restores: dict[str, RestoreRecord]
    cuts: dict[str, CutRecord]


def _held(key: str, copy: CopyRecord, written: _Written) -> tuple[str, SnapshotDetails]:
    volume_id, id_ = key.split("/")
    cut = written.cuts.get(copy.cgsnapshot)
    members = None if cut is None else len(cut.copies)
    return id_, SnapshotDetails(volume_id, written.volumes[volume_id].group, copy.cgsnapshot, members)


class RbdInventory(RbdBase, SupportsDetailedInventory):
    """The calls ``inventory`` and ``detail``."""

    def inventory(self, group_id: str | None = None) -> Inventory:
        """See the contract. Every volume's image is opened, so the cost grows with the number of volumes."""
        return self._seen(group_id)[0]

    def detail(self) -> DetailedInventory:
        """See the contract. Sizes are those of the images; a missing image has the size of its record."""
        inventory, written, stats = self._seen(None)
        sizes = {
            id: (stats[names.image(id)] or {"size": volume.size_gib * names.GIB})["size"]
            for id, volume in written.volumes.items()
        }
        return DetailedInventory(
            inventory,
            {id: VolumeDetails(sizes[id], written.volumes[id].group) for id in inventory.volumes},
            dict(_held(key, copy, written) for key, copy in written.copies.items()),
        )

    def _seen(self, group_id: str | None) -> tuple[Inventory, _Written, Stats]:
        written = self._written(group_id)
        stats = self._stats(names.image(id) for id in written.volumes)
        found = dict(self._odd(group_id, written, stats))
        if found:
            # Probably a concurrent operation: compare again.
            before, written = written, self._written(group_id)
            stats = self._stats(names.image(id) for id in written.volumes)
            found = dict(self._odd(group_id, written, stats)) if written == before else {}
        lost = {id for id, words in found.items() if words.startswith(_LOST)}
        inventory = Inventory(
            groups=frozenset(written.groups) - lost,
            volumes=frozenset(written.volumes) - lost,
            snapshots=frozenset(key.split("/")[1] for key in written.copies),
            exports=frozenset(key.split("/")[1] for key, copy in written.copies.items() if copy.exported),
            restores=frozenset(written.restores),
            problems=tuple(found[id] for id in sorted(found)),
        )
        return inventory, written, stats

    def _written(self, group_id: str | None) -> _Written:
        everything = self._records.everything()
        groups = everything.all(GroupRecord, GroupRecord.key(""))
        volumes = everything.all(VolumeRecord, VolumeRecord.key(""))
        copies = everything.all(CopyRecord, "copy/")
        restores = everything.all(RestoreRecord, RestoreRecord.key(""))
        cuts = everything.all(CutRecord, CutRecord.key(""))
        if group_id is not None:
            volumes = {id: volume for id, volume in volumes.items() if volume.group == group_id}
            copies = {key: copy for key, copy in copies.items() if key.split("/")[0] in volumes}
            restores = {id: restore for id, restore in restores.items() if restore.group == group_id}
        there = {id: group for id, group in groups.items() if not group.is_gone and group_id in (None, id)}
        return _Written(there, volumes, copies, restores, cuts)

    def _odd(self, group_id: str | None, written: _Written, stats: Stats) -> Iterator[tuple[str, str]]:
        """Yield the id and the description of each mismatch."""
        for id, volume in written.volumes.items():
            if volume.doing is None:
                words = _image_mismatch(id, volume, stats[names.image(id)], written)
                if words is not None:
                    yield id, words
        there = set(self._session.call("group_names"))
        for id in written.groups:
            if names.group(id) not in there:
                yield id, f"{_LOST} group {id}: its group of images was removed by somebody else"
        if group_id is None:
            yield from self._unknown(written)

    def _unknown(self, written: _Written) -> Iterator[tuple[str, str]]:
        known = {names.image(id) for id in written.volumes}
        for image in self._session.call("image_names"):
            if image.startswith(names.VOLUMES) and image not in known:
                yield image, f"image {image} is called like a volume, and no record of cgflow's knows it"
        for id, cut in written.cuts.items():
            if not any(key.removeprefix("copy/") in written.copies for key in cut.copies):
                yield id, f"group snapshot {names.cut(id)} is left of copies that are gone"


_LOST = "lost:"


def _image_mismatch(id: str, volume: VolumeRecord, stat: Any, written: _Written) -> str | None:
    image = names.image(id)
    if stat is None:
        return f"{_LOST} volume {id}: image {image} was removed or renamed by somebody else"
    if not stat["has_lock"]:
        return f"image {image} lacks the feature exclusive-lock, so it cannot be cut: enable it"
    lost = describe_data_loss(id, volume, stat)
    if lost is not None:
        return lost
    if stat["size"] != volume.size_gib * names.GIB:
        return f"image {image} has {stat['size']} bytes and not {volume.size_gib} GiB: somebody resized it"
    wanted = None if volume.group is None else names.group(volume.group)
    if stat["group"] != wanted:
        return f"image {image} is in group {stat['group']} and not in {wanted}: somebody moved it"
    for key, copy in written.copies.items():
        volume_id, copy_id = key.split("/")
        is_cut = volume_id == id and copy.evidence is not None
        if is_cut and not any(is_copy(snap, copy_id, copy) for snap in stat["snaps"]):
            return f"snapshot {copy_id} is gone from image {image}: somebody removed it"
    return None
