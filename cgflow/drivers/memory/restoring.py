"""Restores on a memory backend. Clients hold no connections, so no restore is ever busy."""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

from cgflow.drivers.contract import Restoring, SnapshotSpec
from cgflow.drivers.memory.base import MemoryBase
from cgflow.errors import FinalDriverError


class MemoryRestoring(MemoryBase, Restoring):
    """The ability to restore volumes to their snapshots."""

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
