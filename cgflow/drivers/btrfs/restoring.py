"""Restores on btrfs: volumes get the content of snapshots, and other files keep the previous content.

Write leases detect whether a client has a file open, and block others from opening it meanwhile.
"""

# ruff: noqa: D102
# The contract documents each call.

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cgflow.drivers.btrfs import intent_recovery, system_calls
from cgflow.drivers.btrfs.base import BtrfsBase
from cgflow.drivers.btrfs.layout import remove_files
from cgflow.drivers.btrfs.state import Intent
from cgflow.drivers.btrfs.system_calls import VOLUME_FLAGS, hold_exclusive_leases
from cgflow.drivers.contract import Restoring, SnapshotSpec
from cgflow.errors import FinalDriverError


class BtrfsRestoring(BtrfsBase, Restoring):
    """The ability to restore volumes to their snapshots."""

    def restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        members = {snapshot.volume_id: snapshot.id for snapshot in snapshots}
        homes = {snapshot.group_id or snapshot.volume_id for snapshot in snapshots}
        if len(homes) != 1 or len(members) != len(snapshots):
            raise FinalDriverError(
                f"restore {restore_id} needs one snapshot of each volume, all of one group"
            )
        home = homes.pop()
        with self._lock_homes(home) as state:
            done = {
                v.id: v.kept.snapshot_id for v in state.volumes_in_restore(restore_id) if v.kept is not None
            }
            if done == members:
                return
            if done:
                raise FinalDriverError(
                    f"restore {restore_id} was made of other snapshots: {sorted(done.values())}"
                )
            for snapshot in snapshots:
                self._require_restorable(snapshot)
            files = {self._layout.volume_file(home, volume_id): VOLUME_FLAGS for volume_id in members}
            doing = f"restore {restore_id} cannot be made"
            about = {"restore": restore_id, "volumes": sorted(members)}
            intent = Intent(f"restore {restore_id}", intent_recovery.RESTORE, (home,), about)
            with hold_exclusive_leases(files, doing) as leases, self._undo_on_failure(intent):
                live = {
                    volume_id: leases.files[self._layout.volume_file(home, volume_id)]
                    for volume_id in members
                }
                self._keep_previous_content(home, live)
                self._write_snapshot_contents(home, live, snapshots)
                self._record_event(
                    {"do": "restored", "id": restore_id, "members": members, "ends": intent.key}
                )

    def undo_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        self._end_restore(intent_recovery.UNDO_RESTORE, restore_id, snapshots)

    def finish_restore(self, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        self._end_restore(intent_recovery.FINISH_RESTORE, restore_id, snapshots)

    def _end_restore(self, what: str, restore_id: str, snapshots: list[SnapshotSpec]) -> None:
        for home in sorted({snapshot.group_id or snapshot.volume_id for snapshot in snapshots}):
            with self._lock_homes(home) as state:
                volumes = sorted(
                    volume.id for volume in state.volumes_in_restore(restore_id) if volume.home == home
                )
                if volumes:
                    about = {"restore": restore_id, "volumes": volumes}
                    self._execute_intent(Intent(f"restore {restore_id}", what, (home,), about))

    def _keep_previous_content(self, home: str, live: dict[str, int]) -> None:
        """Keep the content of all volumes, completely, before the first one is changed."""
        layout = self._layout
        for volume_id, file in live.items():
            layout.make_file(layout.live_subvolume(home) / "new" / volume_id, os.fstat(file).st_size, file)
        layout.trace("restore:after-new")
        for volume_id in live:
            (layout.live_subvolume(home) / "new" / volume_id).replace(
                layout.previous_content_file(home, volume_id)
            )
        layout.sync_live(home)
        layout.trace("restore:after-kept")

    def _write_snapshot_contents(
        self, home: str, live: dict[str, int], snapshots: list[SnapshotSpec]
    ) -> None:
        """Write the content of snapshots into the files of their volumes. The files stay the same inodes.

        A client that is waiting to open a file thus gets the file of the volume, also if this fails.
        """
        try:
            for snapshot in snapshots:
                _replace_file_content(live[snapshot.volume_id], self._require_cut_snapshot(snapshot)[1])
                self._layout.trace("restore:after-fill")
        except OSError:
            with suppress(OSError):
                for volume_id, file in live.items():
                    _replace_file_content(file, self._layout.previous_content_file(home, volume_id))
                remove_files(*(self._layout.previous_content_file(home, volume_id) for volume_id in live))
            raise

    def _require_restorable(self, snapshot: SnapshotSpec) -> None:
        copy, _ = self._require_cut_snapshot(snapshot)
        volume = self._require_volume(snapshot.volume_id, snapshot.group_id)
        self._require_no_restore(volume)
        self._require_intact_file(volume)
        if copy.size_bytes is None or copy.size_bytes > volume.size_bytes:
            raise FinalDriverError(
                f"snapshot {snapshot.id} of {copy.size_bytes} bytes is larger than volume {volume.id} "
                f"of {volume.size_bytes}: extend the volume first"
            )


def _replace_file_content(file: int, source: Path) -> None:
    """Give an open file the content of another; beyond it the file reads as zeros. Its size is kept."""
    size = os.fstat(file).st_size
    with system_calls.open_descriptor(source, os.O_RDONLY) as shared:
        os.ftruncate(file, os.fstat(shared).st_size)
        system_calls.share_blocks(shared, file)
    os.ftruncate(file, size)
    os.fsync(file)
