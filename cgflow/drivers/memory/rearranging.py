"""Clones, moves and restores on a memory backend.

A clone shares blocks with the snapshot and counts in full against the capacity. Clients hold no connections
here, so no call is ever busy.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from cgflow.drivers.contract import Cloning, Regrouping, Restoring, SnapshotSpec, VolumeSpec
from cgflow.drivers.memory.base import MemoryBase
from cgflow.errors import FinalDriverError


class Rearranging(MemoryBase, Cloning, Regrouping, Restoring):
    """The abilities to clone, move and restore volumes."""

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

    def move_volume(self, volume: VolumeSpec, group_id: str | None) -> None:
        with self._lock:
            self._need_group(group_id)
            existing = self._volume(volume.id)
            if existing.group_id == group_id:
                return
            if existing.group_id != volume.group_id:
                raise FinalDriverError(f"volume {volume.id} is not in group {volume.group_id}")
            self._need_no_restore(existing)
            self._do("move_volume", id=volume.id, group=group_id)

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        ids = {snapshot.id for snapshot in snapshots}
        volumes = {snapshot.volume_id for snapshot in snapshots}
        if not snapshots or len(volumes) != len(snapshots) or len({s.group_id for s in snapshots}) > 1:
            raise FinalDriverError(f"restore {restore_id} needs one copy of each volume, all of one group")
        with self._lock:
            done = {kept.snapshot_id for kept in self._state.kept_by(restore_id)}
            if done and done != ids:
                raise FinalDriverError(f"restore {restore_id} was made of other copies: {sorted(done)}")
            if done:
                return
            for snapshot in snapshots:
                copy, _ = self._cut_copy(snapshot)
                existing = self._volume(snapshot.volume_id)
                self._need_no_restore(existing)
                if copy.size_gib > existing.size_gib:
                    raise FinalDriverError(
                        f"snapshot {snapshot.id} of {copy.size_gib} GiB is larger than volume {existing.id} "
                        f"of {existing.size_gib} GiB: extend it first"
                    )
            self._do("restore", restore=restore_id, copies=sorted(ids))

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        del snapshots
        with self._lock:
            if self._state.kept_by(restore_id):
                self._do("undo_restore", restore=restore_id)

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        del snapshots
        with self._lock:
            if self._state.kept_by(restore_id):
                self._do("finish_restore", restore=restore_id)
