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
            self._require_group(volume.group_id)
            stored, _ = self._require_cut_snapshot(source)
            if volume.size_gib < stored.size_gib:
                raise FinalDriverError(
                    f"volume {volume.id} of {volume.size_gib} GiB is too small for snapshot {source.id} "
                    f"of {stored.size_gib} GiB"
                )
            self._require_capacity(volume.id, volume.size_gib, volume.size_gib)
            self._record_event(
                "clone_volume",
                id=volume.id,
                size_gib=volume.size_gib,
                group=volume.group_id,
                source=source.id,
            )
