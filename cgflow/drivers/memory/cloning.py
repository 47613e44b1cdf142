"""Clones on a memory backend: they share blocks with the snapshot, and count in full against the capacity."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from cgflow.drivers.contract import Cloning, SnapshotSpec, VolumeSpec
from cgflow.drivers.memory.base import MemoryBase
from cgflow.errors import FinalDriverError


class MemoryCloning(MemoryBase, Cloning):
    """The ability to create volumes from snapshots."""

    def clone_volume(self, volume: VolumeSpec, source: SnapshotSpec) -> None:
        with self._lock:
            if volume.id in self._state.volumes:
                return
            self._need_group(volume.group_id)
            copy, _ = self._cut_copy(source)
            if volume.size_gib < copy.size_gib:
                raise FinalDriverError(
                    f"volume {volume.id} of {volume.size_gib} GiB is too small for snapshot {source.id} "
                    f"of {copy.size_gib} GiB"
                )
            self._need_room(volume.id, volume.size_gib, volume.size_gib)
            self._do(
                "clone_volume",
                id=volume.id,
                size_gib=volume.size_gib,
                group=volume.group_id,
                source=source.id,
            )
