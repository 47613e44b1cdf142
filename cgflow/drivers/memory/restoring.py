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
            raise FinalDriverError(
                f"restore {restore_id} needs one snapshot of each volume, all of one group"
            )
        with self._lock:
            done = {each.snapshot_id for each in self._state.previous_contents(restore_id)}
            if done and done != ids:
                raise FinalDriverError(f"restore {restore_id} was made of other snapshots: {sorted(done)}")
            if done:
                return
            for snapshot in snapshots:
                stored, _ = self._require_cut_snapshot(snapshot)
                existing = self._require_volume(snapshot.volume_id)
                self._require_no_restore(existing)
                if stored.size_gib > existing.size_gib:
                    raise FinalDriverError(
                        f"snapshot {snapshot.id} of {stored.size_gib} GiB is larger than volume "
                        f"{existing.id} of {existing.size_gib} GiB: extend the volume first"
                    )
            self._record_event("restore", restore=restore_id, copies=sorted(ids))

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        del snapshots
        with self._lock:
            if self._state.previous_contents(restore_id):
                self._record_event("undo_restore", restore=restore_id)

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        del snapshots
        with self._lock:
            if self._state.previous_contents(restore_id):
                self._record_event("finish_restore", restore=restore_id)
