"""Clones: full copies of snapshots, as librbd 16 cannot clone group snapshots."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from cgflow.drivers.contract import Cloning, SnapshotSpec, VolumeSpec
from cgflow.drivers.rbd import names
from cgflow.drivers.rbd.base import require_image
from cgflow.drivers.rbd.records import VolumeRecord
from cgflow.drivers.rbd.volumes import RbdVolumes
from cgflow.errors import FinalDriverError


class RbdCloning(RbdVolumes, Cloning):
    """The ability to create volumes from snapshots."""

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        key, image = VolumeRecord.key(volume.id), names.image(volume.id)
        with self._locks.acquire(f"volume {volume.id}"):
            record = self._records.find(VolumeRecord, key)
            if record is not None and record.doing != "clone":
                require_image(volume.id, self._image_stat(image))
                return
            if volume.group_id is not None:
                self._records.require_group(volume.group_id)
            copy = self._records.require_cut_snapshot(source)
            snap = self._find_rbd_snapshot(source, copy)
            if volume.size_gib * names.GIB < snap["size"]:
                raise FinalDriverError(
                    f"volume {volume.id} of {volume.size_gib} GiB is too small for snapshot {source.id} "
                    f"of {snap['size'] / names.GIB:g} GiB"
                )
            record = VolumeRecord(volume.size_gib, volume.group_id, doing="clone")
            self._records.write({key: record})
            if self._image_stat(image) is None:
                self._copy_snapshot_to_image(volume, copy.image, snap["id"])
            self._join_recorded_group(volume.id, record)

    def _copy_snapshot_to_image(self, volume: VolumeSpec, image: str, snap_id: int) -> None:
        """Copy to an image with a temporary name, so that an image with the volume's name is complete."""
        incomplete = names.incomplete_clone(volume.id)
        self._session.call("image_remove", name=incomplete)
        size = volume.size_gib * names.GIB
        self._session.call("snap_copy_to_image", name=image, id=snap_id, to=incomplete, size=size)
        self._session.call("image_rename", name=incomplete, to=names.image(volume.id))
